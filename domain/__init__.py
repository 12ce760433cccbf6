"""The domain: the kernel and one folder for each context. Pure: no I/O, no clock, no random."""
