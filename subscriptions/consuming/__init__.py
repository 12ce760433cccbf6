"""Durable consumers: what is done with the log once, from a checkpoint that survives."""
