"""A process of steps that each dispatch one command, and the aggregate that it acts on."""
