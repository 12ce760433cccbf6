"""Circuits of outside ports: a port that fails again and again is left alone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from circuitbreaker import CircuitBreaker

from domain.kernel.fields import Json
from domain.process import Request
from subscriptions.processes.ports import PortAdapter, PortRefused, PortUnavailable

MAX_FAILURES = 5
"""Failures in a row after which a circuit opens: calls fail without reaching the port."""

RECOVERY = 10.0
"""Seconds until one call is tried again; if it fails, the circuit stays open."""


class CircuitOpen(PortUnavailable):
    """A call was not tried, because its port has failed several times in a row."""

    def __init__(self, port: str, pause: float) -> None:
        super().__init__(
            f"the port {port} failed {MAX_FAILURES} times in a row; it is tried again in {pause:.0f} s",
            retry_after=pause,
        )


class PortCircuit:
    """Calls an adapter, unless it has failed several times in a row.

    `report` is called with each opening (True) and closing of the circuit.
    """

    def __init__(
        self,
        port: str,
        adapter: PortAdapter,
        report: Callable[[str, bool], None],
        recovery: float = RECOVERY,
    ) -> None:
        self._port = port
        self._adapter = adapter
        self._report = report
        self._circuit = CircuitBreaker(MAX_FAILURES, recovery, PortUnavailable)
        self._is_open = False
        self._trial = asyncio.Lock()

    async def call(self, key: str, request: Request[Any]) -> Json:
        """Call the port as `PortAdapter.call` does. Raises CircuitOpen while the circuit is open."""
        if self._circuit.opened or (self._is_open and self._trial.locked()):
            raise CircuitOpen(self._port, max(0.0, self._circuit.open_remaining))
        if not self._is_open:
            return await self._attempt(key, request)
        async with self._trial:
            return await self._attempt(key, request)

    async def _attempt(self, key: str, request: Request[Any]) -> Json:
        try:
            with self._circuit:
                try:
                    return await self._adapter.call(key, request)
                except (PortUnavailable, PortRefused):
                    raise
                except Exception as error:
                    raise PortUnavailable(
                        f"the adapter of the port {self._port} raised {type(error).__name__}"
                    ) from error
        finally:
            if self._circuit.closed == self._is_open:
                self._is_open = not self._circuit.closed
                self._report(self._port, self._is_open)
