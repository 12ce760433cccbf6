"""The live engine: subscribers with the same query share one topic, one execution and one encoding.

It imports the feed. `projections.live` and `api` import it.
"""
