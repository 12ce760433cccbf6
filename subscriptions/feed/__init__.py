"""The feed: the log from any position on, first from MongoDB, then live by way of wake-ups over Redis.

It imports `eventstore` and `domain` alone. Consumers, the live engine, `projections` and `api` import it.
"""
