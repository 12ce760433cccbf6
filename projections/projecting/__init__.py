"""The projector, which folds commits into a view, and the worker that runs one for each view.

It imports `querying`, `folding`, `storage` and `kernel`, and nothing else of `projections`. `api` imports it.
"""
