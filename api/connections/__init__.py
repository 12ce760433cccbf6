"""The open connections of all API processes: what runs over each, and how an operator ends one.

The transports and the GraphQL fields import it; it knows neither.
"""
