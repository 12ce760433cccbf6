"""What runs commands: the bus, its middleware, deciding in queues, and the ports of all that. Pure.

It imports the kernel alone. Everything outside `domain` may import it; contexts may not.
"""

from domain.dispatch.bus import CommandBus, Middleware

__all__ = ["CommandBus", "Middleware"]
