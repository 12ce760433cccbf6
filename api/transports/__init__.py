"""The transports of operations: HTTP with its streamed responses, and WebSocket.

`api.app` and `api.server` import it; it imports access and the execution of GraphQL, and no field of the
schema.
"""
