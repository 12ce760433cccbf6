"""The projector and the worker that keep views up to date.

It stands on top of folding and rebuilding. `api` imports it.
"""
