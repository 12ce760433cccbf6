"""Sending events to other systems: the requests of webhooks, their secrets, and the entries of Redis streams.

It implements what `subscriptions.publishing` declares; `api.runtime` and what is above it import it.
"""
