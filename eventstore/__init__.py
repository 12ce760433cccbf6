"""The log in MongoDB: appended to in groups, read in order, and kept: archived, sealed, erased from."""
