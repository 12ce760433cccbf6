"""Sockets that end while their client is admitted, or while an operation waits for its permit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from api.access.admissions import Admission, Admissions
from api.access.callers import AccessRevocation, Caller
from api.deferred import Deferred
from api.limits.caller_limits import NoCallerLimits, Permit, open_caller_limits
from api.limits.rate_settings import RateSettings
from tests.helpers.raw_sockets import raw_socket, text
from tests.helpers.socket_rig import EVENTS, socket_rig, until
from tests.helpers.token_access import EDITOR, Tokens

CLOSE = Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=True)
NAME = {"query": "{ __typename }"}


def subscription(id: str) -> dict[str, Any]:
    return {"id": id, "type": "subscribe", "payload": EVENTS}


class HeldLimits(NoCallerLimits):
    """Grants permits when it is let, and counts those that are used."""

    def __init__(self) -> None:
        self.used = self.granted = 0
        self.let = asyncio.Event()

    def admit(self, _caller: Caller, _address: str | None) -> Any:
        return Deferred(self._grant)

    async def _grant(self) -> Permit:
        await self.let.wait()
        self.used, self.granted = self.used + 1, self.granted + 1
        return Permit(self._release)

    def _release(self) -> None:
        self.used -= 1


class Editors:
    """Authenticates every request at once, as a caller whose API has to be built."""

    def authenticate(self, _headers: Mapping[str, str]) -> Caller:
        return Caller(subject="ada", roles=EDITOR)

    def watch_revocations(
        self, _on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


async def test_a_socket_that_ends_with_its_first_operation_keeps_no_place(
    redis_url: str, database: str
) -> None:
    """Redis has to be asked for its permit, by a task that is cancelled before its first step."""
    rates = RateSettings(operations=1)
    async with (
        open_caller_limits(rates, redis_url, database, 100, lambda _limit: None) as limits,
        socket_rig(caller_limits=limits.operations) as rig,
    ):
        for _ in range(3):
            async with raw_socket(rig.port) as socket:
                socket.writer.write(text(subscription("1")) + CLOSE)
                assert await socket.closed() == 1000
        async with raw_socket(rig.port) as socket:
            socket.send(subscription("1"))
            await rig.stream()


async def test_a_permit_that_is_granted_while_the_server_stops_is_given_back() -> None:
    limits = HeldLimits()
    async with socket_rig(caller_limits=limits) as rig, raw_socket(rig.port) as socket:
        socket.send(subscription("1"), {"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        rig.stop()
        await until(lambda: rig.sockets.full)
        limits.let.set()
        assert await socket.closed() == 1012
        assert (limits.granted, limits.used, rig.streams) == (1, 0, [])


async def test_a_permit_for_a_socket_that_has_ended_is_not_granted() -> None:
    limits = HeldLimits()
    async with socket_rig(caller_limits=limits) as rig:
        async with raw_socket(rig.port) as socket:
            socket.send(subscription("1"), {"type": "ping"})
            assert await socket.receive() == {"type": "pong"}
        await until(lambda: not rig.sockets.open)
        limits.let.set()
        async with raw_socket(rig.port) as socket:
            socket.send(subscription("2"))
            await rig.stream()
            assert limits.granted == 1


@pytest.mark.parametrize("access", [Tokens(), Editors()], ids=["authentication", "building of the API"])
async def test_an_admission_that_a_socket_does_not_wait_for_is_released(
    access: Tokens | Editors, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_admissions = set[Admission]()
    add, release = Admissions._add, Admissions.release

    def count_added(self: Admissions, caller: Caller) -> Admission:
        open_admissions.add(admission := add(self, caller))
        return admission

    def count_released(self: Admissions, admission: Admission) -> None:
        open_admissions.discard(admission)
        release(self, admission)

    monkeypatch.setattr(Admissions, "_add", count_added)
    monkeypatch.setattr(Admissions, "release", count_released)
    if isinstance(access, Tokens):
        access.grant("token", Caller(subject="ada"))
    init = {"type": "connection_init", "payload": {"authorization": "Bearer token"}}
    async with socket_rig(access) as rig, raw_socket(rig.port, init=False) as socket:
        socket.writer.write(text(init) + CLOSE)
        assert await socket.closed() == 1000
        await until(lambda: not rig.sockets.open)
        await until(lambda: not open_admissions)
