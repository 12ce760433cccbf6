"""Rebuilds: a view's rows are built anew beside those that are read, compared, and put in their place.

It imports `querying`, `folding`, `storage` and the packages below `projections`. `projecting` and `api`
import it.
"""
