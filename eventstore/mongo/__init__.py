"""MongoDB as nerve uses it: the driver, cancellation, the log's collections and indexes, and leases.

It imports `domain.kernel` alone. Every package but `domain` may import it.
"""
