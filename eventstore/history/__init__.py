"""The past of the log: streams as versioned documents, and what changed between two of them.

It stands on top of the log and of aggregates. `projections` and `api` import it.
"""
