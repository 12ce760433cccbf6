"""The event log in MongoDB: appending, reading, aggregates, archiving, personal data, integrity.

It imports `domain` alone. `subscriptions`, `projections` and `api` may import it.
"""
