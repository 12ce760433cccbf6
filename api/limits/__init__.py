"""What a request may cost, and how many requests a caller may make in a time or at a time.

The transports, the execution of GraphQL and `api.app` import it; it imports access and the settings.
"""
