"""Servers for one machine: embedded mongod and redis-server, and the supervisor that `nerve dev` is.

`api.cli` imports it.
"""
