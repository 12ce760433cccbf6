"""Writes commits to the log: queues them, allocates positions, inserts them in groups, finds outcomes.

`eventstore.log` imports it; other packages append through `EventLog`.
"""
