"""Alarms: a context and a process that does nothing but wait for the time of each alarm."""
