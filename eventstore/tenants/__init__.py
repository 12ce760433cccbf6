"""Tenants as a whole: counting what each has in the log, and erasing all of it.

It imports the rest of `eventstore`; `api.cli` imports it.
"""
