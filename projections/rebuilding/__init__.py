"""Rebuilds: a view's rows are built anew beside those that are read, compared, and put in their place.

It imports `querying`, `folding`, `storage` and `kernel`, and nothing else of `projections`. `api` imports it.
"""
