"""Folding commits into rows, parking events that cannot be folded, and folding rows again.

It imports `projections.storage`. `projecting`, `querying`, `past` and `live` import it.
"""
