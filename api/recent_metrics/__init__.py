"""Metrics of a deployment over the last hour, in the memory of each process that serves the API.

Servers report their counts to each other through Redis. `api.metrics` and what is above it may import this.
"""
