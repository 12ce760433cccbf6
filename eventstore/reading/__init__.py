"""Reads the log: in order, by stream, by content, by time, and as of the past.

`eventstore.log` imports it, and other packages for its value types (`AsOf`, `EventQuery`, `Replay`).
"""
