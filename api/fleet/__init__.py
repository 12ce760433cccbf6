"""The example contexts at work: a simulated fleet of agents, and process logs (CSV, XES) as its commands.

It knows agents, tasks and workflows. `api.cli` alone imports it.
"""
