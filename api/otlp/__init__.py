"""Receives traces by OTLP over HTTP, and records their spans as runs of agents.

`api.app` imports `route`, which imports the rest only where the context `agent_runs` is registered.
"""
