"""The example contexts in use: a simulated fleet of agents, and imports of process logs (CSV, XES).

It knows the contexts of agents, tasks and workflows. Only `api.cli` imports it.
"""
