"""A small process with an outside port, in a package of its own, as the check of ports expects."""
