"""Folding commits into rows, parking events that cannot be folded, and folding rows again.

It imports `projections.storage`. The projector, the query side and the live engine import it.
"""
