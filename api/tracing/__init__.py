"""Spans of nerve itself for OpenTelemetry, from the request to the delivery of what it changed.

`api.app` and `api.cli` import it: `opening` and `api_parts`, and the other modules only where tracing is on.
"""
