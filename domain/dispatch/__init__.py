"""The command bus: it queues commands, decides them and appends their events through ports. Pure.

It imports the kernel alone. Everything outside `domain` may import it; contexts may not.
"""

from domain.dispatch.bus import CommandBus, Middleware
from domain.dispatch.conditions import ConditionHandlers

__all__ = ["CommandBus", "ConditionHandlers", "Middleware"]
