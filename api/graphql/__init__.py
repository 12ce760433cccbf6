"""The GraphQL API: the schema, derived from commands and views, and the execution of operations.

The transports and `api.app` import it; it imports access, the domain, and the query and live sides below it.
"""
