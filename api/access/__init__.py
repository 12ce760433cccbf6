"""Who may do and see what: authentication, the rules of access, and revocation on open connections.

The transports, `api.graphql` and `api.app` import it; it imports the declarations of contexts and views.
"""
