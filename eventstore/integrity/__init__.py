"""What shows that the log is still what was written."""
