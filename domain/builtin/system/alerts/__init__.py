"""Alerts: raised, acknowledged and resolved, with a stream of its own for each key."""

from domain.builtin.system.alerts.aggregate import Alert
from domain.kernel import Context

context = Context("alerts", Alert)
