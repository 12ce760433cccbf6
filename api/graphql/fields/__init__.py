"""The root fields of the schema, with their arguments, types and resolvers.

`api.graphql.schema` alone imports it; it imports the execution and the declarations of types.
"""
