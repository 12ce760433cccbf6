"""Live views: the rows of a query, then each change of them, for subscribers of the live engine.

It imports the query side of views and `subscriptions.live`. Only `api` imports it.
"""
