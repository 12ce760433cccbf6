"""When a call is attempted again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.kernel.fields import Json
from domain.process.events import CallRequested
from domain.process.ports import Request
from subscriptions.processes.call_effects import CallEffects
from subscriptions.processes.circuits import PortCircuit
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import Work
from subscriptions.processes.ports import PortUnavailable
from tests.helpers.process_rig import CountingMeter

NOW = datetime(2024, 5, 17, 12, tzinfo=UTC)


class BusyPort:
    """Asks for a pause with each attempt; `keys` are the idempotency keys that it was given."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def call(self, key: str, request: Request[Any]) -> Json:
        self.keys.append(key)
        raise PortUnavailable("busy", retry_after=3_600.0)


async def test_a_call_waits_as_long_as_the_port_asks_for() -> None:
    """Longer than the runtime's own longest pause."""
    meter = CountingMeter()
    circuits = {"oracle": PortCircuit("oracle", BusyPort(), meter.circuit)}
    recorder: Any = None  # Nothing is recorded before an outcome.
    calls = CallEffects(circuits, recorder, meter, lambda: NOW)
    work = Work(InstanceKey("default", "chore-1"), "chore-1:2", "oracle", "chore-1", 2, 7, "c")
    requested = CallRequested(
        name="ask", port="oracle", request="Ask", input={"question": "?"}, due=NOW + timedelta(hours=2)
    )
    again = await calls.run(HeldWork(work, None), requested)
    assert again is not None
    assert again.due is not None
    assert NOW + timedelta(hours=1) <= again.due <= NOW + timedelta(hours=2)


async def test_equal_effects_of_two_tenants_have_keys_of_their_own_at_the_service() -> None:
    """With one key, the second tenant would get the reply that the service gave to the first."""
    meter, port = CountingMeter(), BusyPort()
    recorder: Any = None
    calls = CallEffects({"oracle": PortCircuit("oracle", port, meter.circuit)}, recorder, meter, lambda: NOW)
    requested = CallRequested(name="ask", port="oracle", request="Ask", input={"question": "?"})
    for tenant in ("red", "blue"):
        work = Work(InstanceKey(tenant, "chore-1"), "chore-1:2", "oracle", "chore-1", 2, 7, "c")
        await calls.run(HeldWork(work, None), requested)
    assert port.keys == ["red/chore-1:2", "blue/chore-1:2"]
