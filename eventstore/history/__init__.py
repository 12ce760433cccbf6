"""The past of the log: streams as versioned documents, what changed between two of them, and replays.

It stands on top of the log and of aggregates. `projections` and `api` import it.
"""
