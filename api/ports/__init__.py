"""Adapters of outside ports: over HTTP, and a simulator for development and tests.

They implement what `subscriptions.processes` declares, and only what starts a process imports them.
"""
