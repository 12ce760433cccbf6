"""Durable consumers: each handles the log at least once, in order, from a checkpoint that survives a crash.

It imports the feed and the packages below `subscriptions`. `projections` and `api` import it.
"""
