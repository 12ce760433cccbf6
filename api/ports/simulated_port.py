"""A simulator of an outside port: delays, failures, lost replies, doubled requests and refusals.

All choices derive from the seed, the operation, its input and the number of the attempt, so the same requests
have the same outcomes in every run, whichever process sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from api.port_settings import SimulatedPortSettings
from api.ports.made_up_replies import make_reply
from api.ports.replies import fit_reply
from domain.kernel.fields import Json
from domain.process.inputs import to_json
from domain.process.ports import Request
from subscriptions.processes.ports import PortRefused, PortUnavailable


@dataclass(slots=True)
class SimulatedCall:
    """A request that has arrived, under its key; it is carried out or refused once.

    `arrivals` counts how often it has arrived. `reply` is that of a request that was carried out, `refusal`
    the code of one that was refused.
    """

    key: str
    operation: str
    input: Json
    reply: Json = None
    refusal: str | None = None
    message: str = ""
    arrivals: int = 0


class SimulatedPort:
    """Answers the requests of one port, each key once, and keeps a record of them."""

    def __init__(self, name: str, settings: SimulatedPortSettings) -> None:
        self._name = name
        self._settings = settings
        self._calls: dict[str, SimulatedCall] = {}
        self._attempts: dict[str, int] = {}

    @property
    def calls(self) -> Sequence[SimulatedCall]:
        """The requests that have arrived, in their order."""
        return tuple(self._calls.values())

    async def close(self) -> None:
        """Do nothing; a simulator has no connections."""

    async def call(self, key: str, request: Request[Any]) -> Json:
        operation, given = type(request).__name__, to_json(request)
        content = f"{operation} {orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()}"
        self._attempts[key] = self._attempts.get(key, 0) + 1
        chance = self._chance(content, self._attempts[key])
        await asyncio.sleep(chance.random() * self._settings.delay)
        if chance.random() < self._settings.failures:
            raise PortUnavailable(f"the simulated port {self._name} failed before {operation} arrived")
        arrived = self._arrive(key, request, given, content)
        if chance.random() < self._settings.doubled_requests:
            arrived = self._arrive(key, request, given, content)
        if chance.random() < self._settings.lost_replies:
            raise PortUnavailable(f"the simulated port {self._name} lost its reply to {operation}")
        if arrived.refusal is not None:
            raise PortRefused(arrived.refusal, arrived.message)
        return fit_reply(request, arrived.reply)

    def _arrive(self, key: str, request: Request[Any], given: Json, content: str) -> SimulatedCall:
        """Return the record of a request, carrying it out or refusing it if it has not arrived before."""
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._first_arrival(key, request, given, content)
        elif (call.operation, call.input) != (type(request).__name__, given):
            raise PortRefused(
                "IDEMPOTENCY_KEY_REUSED",
                f"the key {key} was used before for another {call.operation}, and not for this request",
            )
        call.arrivals += 1
        return call

    def _first_arrival(self, key: str, request: Request[Any], given: Json, content: str) -> SimulatedCall:
        call = SimulatedCall(key, type(request).__name__, given)
        for number, rule in enumerate(self._settings.refusals):
            fits = rule.operation in (None, call.operation) and _has(given, rule.where)
            if fits and self._chance(content, -1 - number).random() < rule.rate:
                call.refusal, call.message = rule.code, rule.message
                return call
        fixed = self._settings.replies.get(call.operation, {})
        call.reply = make_reply(request, given, fixed, self._chance(key, 0))
        return call

    def _chance(self, content: str, number: int) -> Random:
        return Random(f"{self._settings.seed} {self._name} {number} {content}")


def _has(given: Json, values: dict[str, Any]) -> bool:
    return isinstance(given, dict) and all(given.get(name) == value for name, value in values.items())
