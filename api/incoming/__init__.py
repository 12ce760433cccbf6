"""Events from outside: ``POST /events`` takes CloudEvents as commands, or as declared integration events.

It imports transports and the graphql package for errors and receipts; only `api.app` imports it.
"""
