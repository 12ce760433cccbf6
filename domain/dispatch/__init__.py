"""The command bus: it queues commands, decides them and appends their events through ports. Pure.

It imports the kernel alone. Everything outside `domain` may import it; contexts may not.
"""

from domain.dispatch.bus import CommandBus, Middleware

__all__ = ["CommandBus", "Middleware"]
