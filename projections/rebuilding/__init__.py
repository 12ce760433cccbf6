"""Rebuilds: a view's new rows are built next to those that are read, compared with them, and replace them.

It imports `querying`, `folding`, `storage` and `kernel`, and nothing else of `projections`. `api` imports it.
"""
