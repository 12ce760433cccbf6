"""Permission to send a command is checked in the state that decides it, whoever writes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.access.callers import Caller
from domain.kernel import Catalog, Command, Envelope, NotFound, Receipt, Scope
from domain.kernel.access import bind
from domain.kernel.errors import (
    AlreadyExists,
    CommandIdReused,
    CommandIdTaken,
    ConcurrencyConflict,
    Forbidden,
)
from tests.helpers import memos
from tests.helpers.memos import EditMemo, PinMemo, SealMemo, WriteMemo
from tests.helpers.wired_bus import Wired, wired

ADA = Caller(Scope("default", "ada"), "ada", claims={"team": ("red", "blue")})
BOB = Caller(Scope("default", "bob"), "bob")
EVE = Caller(Scope("default", "eve"), "eve", frozenset({"auditor"}))


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database, catalog=Catalog([memos.context])) as parts:
        yield parts


async def send(nerve: Wired, caller: Caller, command: Command, **envelope: object) -> Receipt:
    permission = bind(type(command).access, caller)
    options: dict[str, object] = {"scope": caller.scope, "permission": permission, **envelope}
    return await nerve.bus.dispatch(Envelope(command, **options))  # type: ignore[arg-type]


async def test_the_owner_changes_its_stream_and_others_find_none(nerve: Wired) -> None:
    """To others the answer is the same as for a stream that does not exist, in every word but the id."""
    await send(nerve, EVE, WriteMemo(id="memo-1", text="of Eve"))
    await send(nerve, EVE, EditMemo(id="memo-1", text="again"))
    answers = []
    for stream in ("memo-1", "memo-2"):
        with pytest.raises(NotFound) as refused:
            await send(nerve, BOB, EditMemo(id=stream, text="mine now"), expected_version=7)
        answers.append(str(refused.value).replace(stream, "?"))
    assert answers[0] == answers[1]
    assert len(await nerve.events()) == 2


async def test_a_command_that_starts_a_stream_is_checked_by_its_own_fields(nerve: Wired) -> None:
    await send(nerve, ADA, WriteMemo(text="for red", team="red"))
    with pytest.raises(Forbidden):
        await send(nerve, ADA, WriteMemo(text="for green", team="green"))
    assert len(await nerve.events()) == 1


async def test_an_id_that_is_taken_shows_only_to_who_may_start_a_stream(nerve: Wired) -> None:
    await send(nerve, EVE, WriteMemo(id="memo-1", text="of Eve"))
    with pytest.raises(AlreadyExists):
        await send(nerve, ADA, WriteMemo(id="memo-1", text="mine", team="red"))
    with pytest.raises(Forbidden):
        await send(nerve, ADA, WriteMemo(id="memo-1", text="mine", team="green"))


async def test_what_starts_or_changes_a_stream_is_checked_by_whether_it_exists(nerve: Wired) -> None:
    """By the command's author for a new stream, and by the stream's author afterwards."""
    with pytest.raises(Forbidden):
        await send(nerve, BOB, PinMemo(name="a", author="ada", text="as Ada"))
    await send(nerve, ADA, PinMemo(name="a", author="ada", text="first"))
    await send(nerve, ADA, PinMemo(name="a", author="whoever", text="second"))
    with pytest.raises(Forbidden):
        await send(nerve, BOB, PinMemo(name="a", author="bob", text="third"))
    assert len(await nerve.events()) == 2


async def test_of_two_who_start_one_stream_at_once_one_owns_it(nerve: Wired) -> None:
    """The loser was allowed for a new stream, but not for the other's, which is what it finds in the end."""
    outcomes = await asyncio.gather(
        *(
            send(nerve, caller, PinMemo(name="race", author=str(caller.subject), text=str(number)))
            for number, caller in enumerate((ADA, BOB, ADA, BOB))
        ),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Forbidden | ConcurrencyConflict)]
    authors = {event.data["author"] for event in await nerve.events()}
    assert len(authors) == 1
    assert len(refused) == 2


async def test_what_roles_never_allow_is_refused_before_anything_is_read(nerve: Wired) -> None:
    with pytest.raises(Forbidden):
        await send(nerve, BOB, SealMemo(id="memo-none"))


async def test_another_callers_command_id_reveals_nothing(nerve: Wired) -> None:
    """Not even with the same content; the caller itself gets its receipt again."""
    command = PinMemo(name="a", author="ada", text="first")
    receipt = await send(nerve, ADA, command, command_id="c-1")
    again = await send(nerve, ADA, command, command_id="c-1")
    assert (again.stream, again.replayed) == (receipt.stream, True)
    for other in (command, PinMemo(name="b", author="bob", text="own")):
        with pytest.raises((CommandIdTaken, Forbidden)) as refused:
            await send(nerve, BOB, other, command_id="c-1")
        assert "memo-a" not in str(refused.value)
        assert refused.value.details() == {}
    with pytest.raises(CommandIdReused):
        await send(nerve, ADA, PinMemo(name="b", author="ada", text="other"), command_id="c-1")


async def test_a_command_that_changed_nothing_is_its_callers_too(nerve: Wired) -> None:
    command = PinMemo(name="a", author="eve", text="first")
    await send(nerve, EVE, command)
    assert not (await send(nerve, EVE, command, command_id="c-1")).changed
    assert (await send(nerve, EVE, command, command_id="c-1")).replayed
    with pytest.raises((CommandIdTaken, Forbidden)):
        await send(nerve, BOB, command, command_id="c-1")


async def test_the_permission_is_no_part_of_a_commands_content(nerve: Wired) -> None:
    """A command that is sent again after the caller got another role is the same command."""
    command = WriteMemo(id="memo-1", text="x", team="red")
    await send(nerve, ADA, command, command_id="c-1")
    promoted = Caller(ADA.scope, "ada", frozenset({"auditor"}))
    assert (await send(nerve, promoted, command, command_id="c-1")).replayed


async def test_nerves_own_commands_need_no_permission(nerve: Wired) -> None:
    await nerve.send(WriteMemo(id="memo-1", text="x"))
    await nerve.send(SealMemo(id="memo-1"))
    assert len(await nerve.events()) == 2
