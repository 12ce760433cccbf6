"""Rows as MongoDB documents: collections, indexes, fingerprints of generations, and the events of rows.

It imports `projections.kernel`. Everything else in `projections` may import it.
"""
