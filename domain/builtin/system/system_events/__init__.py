"""System events: what programs of a deployment report, with severity and category."""

from domain.builtin.system.system_events.aggregate import SystemEvent
from domain.kernel import Context

context = Context("system_events", SystemEvent)
