"""What follows the log: the feed with its wake-ups, durable consumers, and the live engine.

It imports `eventstore` and `domain`. `projections` and `api` import it.
"""
