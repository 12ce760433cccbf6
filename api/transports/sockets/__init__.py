"""GraphQL over WebSocket: the protocol class that uvicorn runs for each socket, and what it is made of.

`api.app` and `api.server` import it; it imports the other transports' common parts, access and the execution.
"""
