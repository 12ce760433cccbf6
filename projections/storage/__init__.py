"""Storage of rows in MongoDB: documents, collections, indexes, fingerprints, and the events of a row.

It imports `projections.kernel`. Everything else in `projections` may import it.
"""
