"""A view as of a point in the past is what it was, or would have been, then."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.builtin.subjects.commands import EraseSubject
from domain.documents.commands import ArchiveDocument, CreateDocument, PatchDocument, RenameDocument
from domain.kernel import Command, Envelope, Event, Scope
from domain.kernel.errors import NerveError
from domain.meters.commands import ReportCount, ReportLabels
from projections.past.reader import PastReader, PastView
from projections.querying.ordering import OrderBy
from projections.querying.pages import ListQuery, Page
from projections.querying.row_scope import RowScope
from projections.storage.rows import fields
from tests.helpers.example_commands import SETUP, commands
from tests.helpers.memory_world import fold, through_mongo
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import sides
from tests.helpers.notes import Erased, Linked, Scored, Written

TENANT = "default"
DEADLINE = 120
NAMES = ("note-a", "note-b", "note-c", "note-d")

documents = st.sampled_from(["document-1", "document-2"])
subjects = st.sampled_from(["person-ann", "person-bob"])
more_commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        CreateDocument,
        id=documents,
        title=st.just("Plan"),
        content=st.just({"of": "her"}),
        subject_id=st.none() | subjects,
    ),
    st.builds(PatchDocument, id=documents, patch=st.just({"and": "more"})),
    st.builds(RenameDocument, id=documents, title=st.sampled_from(["Old", "New"])),
    st.builds(ArchiveDocument, id=documents),
    st.builds(EraseSubject, subject=subjects),
    st.builds(
        ReportCount,
        id=st.sampled_from(["reporter-1", "reporter-2"]),
        name=st.just("calls"),
        increments=st.integers(0, 9),
    ),
    st.builds(ReportLabels, id=st.just("reporter-1"), name=st.just("calls"), labels=st.just(["a"])),
)
DOCUMENTS: list[Command] = [
    CreateDocument(id="document-1", title="Plan", content={}, subject_id="person-ann")
]


@pytest.fixture
async def nerve(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    own = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        database=database,
        master_key=SecretStr(b64encode(bytes(32)).decode()),
        poll_interval=0.2,
    )
    async with open_runtime(own, worker=True) as running:
        yield running


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def play(nerve: Runtime, tenant: str, commands: list[Command]) -> None:
    for command in commands:
        try:
            await nerve.bus.dispatch(Envelope(command, Scope(tenant)))
        except NerveError:
            continue


async def recorded(nerve: Runtime, tenant: str) -> list[Any]:
    return [event async for commit in await nerve.log.replay(tenant) for event in commit.events]


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(commands | more_commands, min_size=12, max_size=16))
async def test_every_view_as_of_every_position_is_a_replay_that_was_cut_there(
    nerve: Runtime, chosen: list[Command]
) -> None:
    tenant = uuid4().hex
    await play(nerve, tenant, [*SETUP, *DOCUMENTS, *chosen])
    received = await recorded(nerve, tenant)
    for view in nerve.views:
        past, known = nerve.view_parts[view.name].past, fold(view, _of(view, received))
        replays: dict[int, Any] = {received[0].position - 1: {}}
        for position in range(received[0].position, received[-1].position + 1):
            before = [event for event in received if event.position <= position]
            expected = through_mongo(fold(view, _of(view, before)))
            then = past.at(position)
            page = await then.page(RowScope(tenant), ListQuery(200))
            assert {row["id"]: fields(row) for row in page.rows} == expected
            touched = [key for event in _of(view, before)[-1:] for key in view.key(event)]
            for row_id in dict.fromkeys((*touched, *list(known)[-1:])):
                row = await then.get(RowScope(tenant), row_id)
                assert (row and fields(row)) == expected.get(row_id)
            replays[position] = expected
        for row_id in list(known)[:2]:
            await check_history(past.at(received[-1].position), tenant, row_id, replays)


async def check_history(now: PastView, tenant: str, row_id: str, replays: dict[int, Any]) -> None:
    """The changes of a row lie between two replays each, and the last one of a value is why it is there."""
    pairs = ((at, replays[at - 1].get(row_id), replays[at].get(row_id)) for at in list(replays)[1:])
    changes = [pair for pair in pairs if pair[1] != pair[2]]
    whole = await now.history(RowScope(tenant), row_id, first=100)
    received = [(one.commit.position, *map(own_fields, (one.before, one.after))) for one in whole.changes]
    assert received == changes
    last = await now.history(RowScope(tenant), row_id, last=2)
    assert (last.changes, last.has_previous) == (whole.changes[-2:], len(changes) > 2)
    for field, value in changes[-1][2].items():
        since = [at for at, before, after in changes if before is None or before[field] != after[field]]
        reason = await now.why(RowScope(tenant), row_id, field)
        assert reason is not None
        assert (reason.event.position, reason.value) == (since[-1], value)


def own_fields(row: Any) -> Any:
    return None if row is None else fields(row)


def _of(view: Any, received: list[Any]) -> list[Any]:
    return [event for event in received if event.commit.category in view.categories]


happenings: st.SearchStrategy[Event] = st.one_of(
    st.builds(Written, text=st.sampled_from(["a", "B", "ä", "😀", "\ufffd"])),
    st.builds(Scored, by=st.integers(-1, 1)),
    st.builds(Linked, to=st.sampled_from(NAMES)),
    st.builds(Erased),
)
WAYS = st.sampled_from(["asc", "desc"])
orders: st.SearchStrategy[Any] = st.permutations(["text", "score", "scored_at"]).flatmap(
    lambda names: st.lists(WAYS, max_size=2).map(lambda ways: list(zip(names, ways, strict=False)))
)
filters: st.SearchStrategy[Any] = st.none() | st.one_of(
    st.builds(lambda score: {"score": {"gte": score}}, st.integers(-1, 1)),
    st.builds(lambda null: {"scored_at": {"isNull": null}}, st.booleans()),
    st.builds(lambda text: {"not": {"text": {"contains": text}}}, st.sampled_from(["a", "B"])),
)
asked = st.tuples(filters, orders, st.integers(1, 3), st.booleans())


async def walk(
    view: Any, tenant: str, filter: Mapping[str, Any] | None, order: OrderBy, size: int, back: bool
) -> Any:
    """All rows by following the pages, whether each was the last, and the count."""
    found: list[tuple[Any, Any]] = []
    cursor: str | None = None
    for _ in range(20):
        after, before = (None, cursor) if back else (cursor, None)
        query = ListQuery(size, filter, order, after, before, backward=back)
        page: Page = await view.page(RowScope(tenant), query)
        beside = await sides(page)
        found.append(([fields(row) for row in page.rows], beside))
        if not beside[1 if back else 0]:
            return found, await view.count(RowScope(tenant), filter)
        cursor = page.cursor(page.rows[0 if back else -1])
    raise AssertionError("the pages do not end")


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(
        st.tuples(st.sampled_from(NAMES), st.lists(happenings, min_size=1, max_size=2), asked), max_size=12
    )
)
async def test_pages_of_the_past_are_those_that_were_told_when_it_was_the_present(
    rig: Rig, plan: list[Any]
) -> None:
    """Whatever the filter, the order and the size of the pages, with nulls, ties and rows that are gone."""
    rig.tenant, received = uuid4().hex, []
    past = PastReader(rig.reader, rig.log, 100_000, DEADLINE)
    for note, happened, question in plan:
        position = (await rig.append(note, *happened)).position
        await rig.projected()
        answer = await walk(rig.reader, rig.tenant, *question)
        assert await walk(past.at(position), rig.tenant, *question) == answer
        received.append((position, question, answer))
    for position, question, answer in received * 2:
        assert await walk(past.at(position), rig.tenant, *question) == answer
