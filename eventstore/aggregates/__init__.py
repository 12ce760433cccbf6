"""Loads aggregates: rebuilds their states from snapshots and events, and caches them.

`api.runtime` imports it, for the command bus and the processes.
"""
