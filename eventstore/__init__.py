"""The log in MongoDB: append, read, fence, aggregates rebuilt from it."""
