"""A wrong declaration of a unique value is found at start-up, a wrong value when a command is decided."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.ids import new_id, now
from domain.dispatch import CommandBus
from domain.dispatch.digest import value_digest
from domain.dispatch.unique_values import UniqueValues
from domain.kernel import Catalog, Context, Envelope, Unique
from domain.kernel.errors import ContextFault, DeclarationError
from tests.helpers.players import CATALOG, Join, Player, nickname
from tests.helpers.tallies import MemoryAggregates
from tests.helpers.unique_world import LateLog, MemoryClaims


async def asynchronous(state: Player) -> str | None:
    return None


def nothing() -> None:
    """A function that takes no state."""


WITHOUT_ARGUMENTS: Any = nothing
ASYNCHRONOUS: Any = asynchronous


@pytest.mark.parametrize(
    ("unique", "message"),
    [
        ([Unique("nick", of=nickname)], "must be a tuple"),
        (("nick",), "must be a tuple"),
        ((Unique("Nick", of=nickname),), "a name of its own in lower case, not 'Nick'"),
        ((Unique("nick", of=nickname), Unique("nick", of=str)), "a name of its own"),
        ((Unique("nick", of=ASYNCHRONOUS),), "asynchronous"),
        ((Unique("nick", of=WITHOUT_ARGUMENTS),), "must take"),
    ],
    ids=["list", "text", "capital", "twice", "async", "arguments"],
)
def test_a_unique_value_that_cannot_be_used_is_refused(unique: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        Context("players", Player, unique=unique)


def test_a_bus_needs_what_claims_the_unique_values_of_its_contexts() -> None:
    log = LateLog()
    with pytest.raises(DeclarationError, match="has unique values"):
        CommandBus(CATALOG, log, MemoryAggregates(log), now, new_id)


def test_a_unique_value_that_is_no_text_is_a_fault_of_the_context() -> None:
    """The fault names the class and the place of the function, and nothing is stored."""
    number: Any = len
    catalog = Catalog([Context("players", Player, unique=(Unique("nick", of=lambda state: number("x")),))])
    log = LateLog()
    aggregates = MemoryAggregates(log)
    unique = UniqueValues(catalog, aggregates, MemoryClaims(log), new_id, b"")
    bus = CommandBus(catalog, log, aggregates, now, new_id, unique=unique)
    with pytest.raises(ContextFault, match="'nick' of Player is an int"):
        asyncio.run(bus.dispatch(Envelope(Join(nick="Ada"))))
    assert not log.stored


def test_the_digest_of_a_value_is_another_for_each_key_tenant_category_and_field() -> None:
    digests = [
        value_digest(key, tenant, category, field, "ada")
        for key in (b"a", b"b")
        for tenant in ("one", "two")
        for category in ("user", "player")
        for field in ("email", "nick")
    ]
    assert len(set(digests)) == len(digests)
