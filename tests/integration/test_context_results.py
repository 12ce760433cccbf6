"""What the code of a context returns is checked before anything is stored of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.kernel import Catalog, InvariantViolated
from domain.kernel.errors import ContextFault, ValidationFailed
from tests.helpers.mistakes import (
    RULES,
    SECRET,
    WRONG_DECISIONS,
    WRONG_STATES,
    Begin,
    Begun,
    Correct,
    Corrected,
    Put,
    Sheet,
    context,
)
from tests.helpers.wired_bus import Wired, wired

CATALOG = Catalog([context])
SHEET = "sheet-1"
PLACE = r"tests/helpers/mistakes/__init__\.py:\d+"
"""A line of the author's own code."""


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database, catalog=CATALOG) as parts:
        yield parts


async def faulty(nerve: Wired, command: Any, **envelope: Any) -> str:
    with pytest.raises(ContextFault) as fault:
        await nerve.send(command, **envelope)
    assert SECRET not in str(fault.value)
    assert fault.value.code == "INTERNAL"
    return str(fault.value)


async def is_usable(nerve: Wired, mongo_url: str, database: str, events: int) -> None:
    """The stream takes commands, here and after a restart, and holds so many events."""
    assert len(await nerve.events()) == events
    receipt = await nerve.send(Correct(id=SHEET, text="later"))
    assert receipt.version == events + 1
    async with wired(mongo_url, database, catalog=CATALOG) as restarted:
        assert (await restarted.send(Correct(id=SHEET, text="after a restart"))).version == events + 2


async def test_a5_a_wrong_decision_stores_nothing_and_leaves_its_stream_usable(
    nerve: Wired, mongo_url: str, database: str
) -> None:
    await nerve.send(Begin(id=SHEET, text="before"))
    for mistake, (_, said) in WRONG_DECISIONS.items():
        message = await faulty(nerve, Correct(id=SHEET, mistake=mistake), command_id="wrong")
        assert re.search(rf"^Sheet\.decide {said}", message), message
        assert "for Correct" in message
        assert re.search(PLACE, message), message
    await is_usable(nerve, mongo_url, database, 1)
    # Its id was not used up.
    assert (await nerve.send(Correct(id=SHEET, text="right"), command_id="wrong")).version == 4


async def test_a5_a_wrong_decision_begins_no_stream(nerve: Wired) -> None:
    for mistake in WRONG_DECISIONS:
        assert "for Begin" in await faulty(nerve, Begin(id=SHEET, mistake=mistake))
    assert await nerve.events() == []
    assert (await nerve.send(Begin(id=SHEET))).version == 1


async def test_a5_a_wrong_state_stores_nothing_and_leaves_its_stream_usable(
    nerve: Wired, mongo_url: str, database: str
) -> None:
    await nerve.send(Begin(id=SHEET, text="before"))
    for mistake, (_, said) in WRONG_STATES.items():
        message = await faulty(nerve, Correct(id=SHEET, text=mistake))
        assert re.search(rf"^Sheet\.evolve {said} for the event 'sheet.corrected'", message), message
        assert re.search(PLACE, message), message
    await is_usable(nerve, mongo_url, database, 1)


async def test_commands_that_wait_behind_a_wrong_decision_are_decided(nerve: Wired) -> None:
    await nerve.send(Begin(id=SHEET))
    commands = [Correct(id=SHEET, mistake="an error" if turn % 3 else "right") for turn in range(30)]
    outcomes = await asyncio.gather(*map(nerve.send, commands), return_exceptions=True)
    assert [isinstance(outcome, ContextFault) for outcome in outcomes] == [turn % 3 > 0 for turn in range(30)]
    assert len(await nerve.events()) == 11


async def test_no_event_and_any_iterable_of_events_are_right(nerve: Wired) -> None:
    await nerve.send(Begin(id=SHEET))
    assert (await nerve.send(Correct(id=SHEET, mistake="no change"))).version == 1
    assert (await nerve.send(Correct(id=SHEET, mistake="generator"))).version == 3
    assert [event.data["text"] for event in await nerve.events()] == ["", "one", "two"]


async def test_a_command_that_was_stored_has_its_receipt_though_its_code_fails_now(
    nerve: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nerve.send(Begin(id=SHEET))
    first = await nerve.send(Correct(id=SHEET), command_id="once")

    def broken(self: Sheet, command: Any, facts: Any) -> None:
        return None

    monkeypatch.setattr(Sheet, "decide", broken)
    again = await nerve.send(Correct(id=SHEET), command_id="once")
    assert (again.replayed, again.version) == (True, first.version)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("another command", "returned a Begin for Correct"),
        ("another stream", "returned a Correct for another stream for Correct"),
        ("true", "returned a bool for Correct"),
        ("an error", "raised KeyError for Correct"),
    ],
)
async def test_a_wrong_conflict_rule_stores_nothing(
    nerve: Wired, mongo_url: str, database: str, mistake: str, said: str
) -> None:
    assert mistake in RULES
    await nerve.send(Begin(id=SHEET))
    await nerve.send(Correct(id=SHEET))
    message = await faulty(nerve, Correct(id=SHEET, mistake=mistake, text=SECRET), expected_version=1)
    assert message.startswith(f"the conflict rule _rule {said}")
    assert re.search(PLACE, message)
    await is_usable(nerve, mongo_url, database, 2)


async def test_a_target_that_is_no_text_stores_nothing(nerve: Wired) -> None:
    wrong: dict[Any, str] = {
        None: "is None",
        "": "is an empty text",
        7: "is an int",
        b"x": "is a bytes",
        "raise": "raised KeyError",
    }
    for name, said in wrong.items():
        message = await faulty(nerve, Put.model_construct(name=name))
        assert message.startswith(f"Put.target {said}")
        assert re.search(PLACE, message)
    assert await nerve.events() == []


async def test_a_target_that_no_stream_can_have_is_refused(nerve: Wired) -> None:
    for name in ("sheet-\0", "sheet-\ud800", "sheet-" + "x" * 300, "sheet-a\nb"):
        with pytest.raises(ValidationFailed, match="name is not allowed"):
            await nerve.send(Put.model_construct(name=name))


async def test_a_stream_whose_events_cannot_be_folded_says_where(
    mongo_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wired(mongo_url, database, catalog=CATALOG) as nerve:
        await nerve.send(Begin(id=SHEET, text="fine once"))

    def broken(self: Sheet, event: Any) -> Any:
        return {}[event.text]

    monkeypatch.setattr(Sheet, "evolve", broken)
    async with wired(mongo_url, database, catalog=CATALOG) as nerve:
        message = await faulty(nerve, Correct(id=SHEET))
    assert re.search(
        r"^Sheet\.evolve raised KeyError for the event 'sheet\.begun' at .*test_context_results\.py", message
    )
    assert "fine once" not in message


def test_states_of_several_events_are_checked_one_by_one() -> None:
    events: list[Begun | Corrected] = [Begun(text="x"), Corrected(text="evolve: none"), Corrected(text="y")]
    with pytest.raises(ContextFault, match=r"returned None for the event 'sheet\.corrected'"):
        Sheet().evolve_all(events)


def test_a_refusal_of_evolve_is_no_refusal_of_the_command() -> None:
    with pytest.raises(ContextFault) as fault:
        Sheet().evolve_all([Corrected(text="evolve: a refusal")])
    assert isinstance(fault.value.__cause__, InvariantViolated)
