"""The alerts about nerve itself: which are open, and how they are raised and resolved."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

from api.runtime import Runtime
from api.self_monitoring.conditions import KEY_PREFIX, AlertName, WatchedCondition
from domain.builtin.system.alerts.aggregate import AlertState
from domain.builtin.system.alerts.commands import RaiseAlert, ResolveAlert, alert_id
from domain.kernel import Command, Envelope, Scope
from domain.kernel.errors import ConcurrencyConflict
from projections.builtin.alerts import view as alerts_view
from projections.querying.deployment_rows import find_rows
from projections.storage.rows import Row

logger = logging.getLogger("nerve.alerts")

SOURCE = "self-monitoring"
"""The interface that the commands of these alerts come through, as events have it."""

CATEGORY = "nerve"
"""The category of these alerts."""


class OwnAlerts:
    """Raises and resolves alerts about nerve itself; every method raises Unavailable.

    Each command expects the version of the alert that its row has. So of several workers that see one
    condition, one raises the alert, and an alert that changed meanwhile is left for the next check.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._locator = runtime.view_parts[alerts_view.name].locator

    async def rows(self) -> Mapping[AlertName, Row]:
        """Return the rows of all alerts about nerve, also of resolved ones."""
        alerts = await self._locator.rows()
        rows = await find_rows(self._runtime.database, alerts, {"category": [CATEGORY]})
        return {
            AlertName(row["_tenant"], row["key"]): row for row in rows if row["key"].startswith(KEY_PREFIX)
        }

    async def update(self, conditions: Sequence[WatchedCondition], rows: Mapping[AlertName, Row]) -> None:
        """Raise an alert for each condition that has no open one, and resolve the open alerts of no other."""
        for condition in conditions:
            if not is_open(rows.get(condition.name)):
                await self._raise(condition, rows.get(condition.name))
        present = {condition.name for condition in conditions}
        for name, row in rows.items():
            if is_open(row) and name not in present:
                command = ResolveAlert(id=alert_id(name.key), reason="nerve found that its cause is gone")
                await self._send(command, name, row)

    async def _raise(self, condition: WatchedCondition, row: Row | None) -> None:
        name, severity, message, details = condition
        logger.warning("%s", message)
        command = RaiseAlert(
            key=name.key, severity=severity, category=CATEGORY, message=message, details=dict(details)
        )
        await self._send(command, name, row)

    async def _send(self, command: Command, name: AlertName, row: Row | None) -> None:
        version = 0 if row is None else row["_version"]
        envelope = Envelope(command, Scope(name.tenant), expected_version=version, source=SOURCE)
        # A conflict: another worker or an operator was first, and the view will show it.
        with suppress(ConcurrencyConflict):
            await self._runtime.bus.dispatch(envelope)


def is_open(row: Row | None) -> bool:
    """Return whether the alert of this row is open or acknowledged; None stands for one never raised."""
    return row is not None and row["state"] != AlertState.RESOLVED
