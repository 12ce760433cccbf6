"""Commits on their way into the log: queued, placed, inserted in groups, settled."""
