"""The edges: GraphQL, transports, settings, servers, the command line, and the composition root.

It may import all other packages, and no other package imports it.
"""
