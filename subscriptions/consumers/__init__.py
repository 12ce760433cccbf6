"""Durable consumers: each handles the log at least once, in order, from a checkpoint that survives a crash.

It imports the feed, and no module of the live engine. `projections` and `api` import it.
"""
