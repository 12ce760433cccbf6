"""The projector, which folds commits into a view, and the worker that runs one for each view.

It imports `rebuilding`, `querying`, `folding`, `storage` and the packages below `projections`. `api` imports
it.
"""
