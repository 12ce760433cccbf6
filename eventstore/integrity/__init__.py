"""Proves that the log is what was written, and that the code can read it: blocks, schemas, verification.

`eventstore.log` imports its block sealer; `api` imports the rest for its commands and its start.
"""
