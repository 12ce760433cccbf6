"""Servers for one machine: embedded mongod and redis-server, and the supervisor behind `nerve dev`.

`api.cli` imports it.
"""
