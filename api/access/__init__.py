"""Authentication of requests and sockets, and revocation of the open ones.

The transports and `api.app` import it; it imports the domain alone.
"""
