"""Writes the code of new contexts: their names, their files, and their line in `nerve.yaml`.

Only `api.cli` imports it; it imports `api.contexts`, `api.settings` and what both import.
"""
