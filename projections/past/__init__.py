"""Views at a point in the past, and the history of rows, folded from the log.

It imports `folding`, `querying` and `storage`. Only `api` imports it.
"""
