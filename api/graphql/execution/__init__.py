"""The execution of operations: parsed and checked once, with the rows of links read together.

The transports and the fields of the schema import it; it imports neither of them.
"""
