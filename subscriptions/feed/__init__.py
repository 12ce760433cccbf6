"""The feed: the log from any position on, first read from MongoDB, then live through wake-ups over Redis.

It imports only `eventstore` and `domain`. Consumers, the live engine, `projections` and `api` import it.
"""
