"""The runtime of processes: it reacts to the log, runs effects and records their outcomes.

It imports the feed and the consumers, and no module of the live engine. `projections` and `api` import it.
"""
