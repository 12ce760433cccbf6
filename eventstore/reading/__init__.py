"""The log in order, by stream, by what it is about, and as of the past."""
