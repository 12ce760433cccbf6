"""The servers nerve brings along, and the processes it runs as."""
