"""A process that delivers parcels. A package, because a process may send all requests of its package."""
