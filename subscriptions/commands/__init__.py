"""What becomes of a command, for whoever watches it by its id."""
