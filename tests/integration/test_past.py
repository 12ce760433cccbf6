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

from api.composition import Nerve, open_nerve
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.documents.commands import ArchiveDocument, CreateDocument, PatchDocument, RenameDocument
from domain.kernel import Command, Envelope, Event, Scope
from domain.kernel.errors import NerveError, StaleRead, TooComplex
from domain.meters.commands import ReportCount, ReportLabels
from domain.subjects.commands import EraseSubject
from domain.subjects.events import SubjectErased
from domain.tasks.commands import AssignTask, CreateTask, StartTask
from eventstore.personal.keys import owner_of
from eventstore.personal.sealing import MasterKeys
from eventstore.reading.query import EventQuery
from projections.past import events
from projections.past.changes import Change
from projections.past.reader import PastReader, PastView
from projections.querying.ordering import OrderBy
from projections.querying.queries import Page
from projections.rows import fields
from projections.view import View
from tests import mentions, people
from tests.notes import Erased, Linked, Rig, Scored, Written, open_rig
from tests.people import PersonRegistered, Remarked
from tests.rows import sides
from tests.unit.test_views_properties import SETUP, commands
from tests.unit.world import fold, through_mongo

TENANT = "default"
DEADLINE = 30
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
async def nerve(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Nerve]:
    own = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        database=database,
        master_key=SecretStr(b64encode(bytes(32)).decode()),
        poll_interval=0.2,
    )
    async with open_nerve(own, project=True) as running:
        yield running


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def play(nerve: Nerve, tenant: str, commands: list[Command]) -> None:
    for command in commands:
        try:
            await nerve.bus.dispatch(Envelope(command, Scope(tenant)))
        except NerveError:
            continue


async def recorded(nerve: Nerve, tenant: str) -> list[Any]:
    return [event async for commit in await nerve.log.replay(tenant) for event in commit.events]


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(commands | more_commands, min_size=12, max_size=16))
async def test_every_view_as_of_every_position_is_a_replay_that_was_cut_there(
    nerve: Nerve, chosen: list[Command]
) -> None:
    tenant = uuid4().hex
    await play(nerve, tenant, [*SETUP, *DOCUMENTS, *chosen])
    told = await recorded(nerve, tenant)
    for view in nerve.views:
        past, known = nerve.services.past[view.name], fold(view, _of(view, told))
        replays: dict[int, Any] = {told[0].position - 1: {}}
        for position in range(told[0].position, told[-1].position + 1):
            before = [event for event in told if event.position <= position]
            expected = through_mongo(fold(view, _of(view, before)))
            then = past.at(position)
            page = await then.page(tenant, first=200)
            assert {row["id"]: fields(row) for row in page.rows} == expected
            touched = [key for event in _of(view, before)[-1:] for key in view.key(event)]
            for row_id in dict.fromkeys((*touched, *list(known)[-1:])):
                row = await then.get(tenant, row_id)
                assert (row and fields(row)) == expected.get(row_id)
            replays[position] = expected
        for row_id in list(known)[:2]:
            await check_history(past.at(told[-1].position), tenant, row_id, replays)


async def check_history(now: PastView, tenant: str, row_id: str, replays: dict[int, Any]) -> None:
    """The changes of a row lie between two replays each, and the last one of a value is why it is there."""
    pairs = ((at, replays[at - 1].get(row_id), replays[at].get(row_id)) for at in list(replays)[1:])
    changes = [pair for pair in pairs if pair[1] != pair[2]]
    whole = await now.history(tenant, row_id, first=100)
    assert [(one.commit.position, one.before, one.after) for one in whole.changes] == changes
    last = await now.history(tenant, row_id, last=2)
    assert (last.changes, last.has_previous) == (whole.changes[-2:], len(changes) > 2)
    for field, value in changes[-1][2].items():
        since = [at for at, before, after in changes if before is None or before[field] != after[field]]
        reason = await now.why(tenant, row_id, field)
        assert reason is not None
        assert (reason.event.position, reason.value) == (since[-1], value)


def _of(view: Any, told: list[Any]) -> list[Any]:
    return [event for event in told if event.commit.category in view.categories]


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
        cut: dict[str, Any] = {"last": size, "before": cursor} if back else {"first": size, "after": cursor}
        page: Page = await view.page(tenant, filter, order, **cut)
        beside = await sides(page)
        found.append(([fields(row) for row in page.rows], beside))
        if not beside[1 if back else 0]:
            return found, await view.count(tenant, filter)
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
    rig.tenant, told = uuid4().hex, []
    past = PastReader(rig.reader, rig.log, 100_000, DEADLINE)
    for note, happened, question in plan:
        position = (await rig.append(note, *happened)).position
        await rig.projected()
        answer = await walk(rig.reader, rig.tenant, *question)
        assert await walk(past.at(position), rig.tenant, *question) == answer
        told.append((position, question, answer))
    for position, question, answer in told * 2:
        assert await walk(past.at(position), rig.tenant, *question) == answer


async def texts(past: PastReader, position: int, **cut: Any) -> list[str]:
    page = await past.at(position).page(TENANT, order=[("text", "asc")], **(cut or {"first": 9}))
    return [row["text"] for row in page.rows]


async def test_pages_of_one_past_stay_the_same_while_its_rows_go_on_changing(rig: Rig) -> None:
    past = PastReader(rig.reader, rig.log, 100_000, DEADLINE)
    head = await rig.write("abcdef")
    await rig.append("note-b", Written(text="B now"))
    await rig.projected()
    first = await past.at(head).page(TENANT, order=[("text", "asc")], first=2)
    assert [row["text"] for row in first.rows] == ["a", "b"]
    for name in "cde":
        await rig.append(f"note-{name}", Erased() if name == "d" else Written(text="now"))
        await rig.projected()
        rest = await texts(past, head, first=4, after=first.cursor(first.rows[-1]))
        assert rest == ["c", "d", "e", "f"]
    assert await past.at(head).count(TENANT) == 6


async def test_what_takes_too_many_events_is_refused_and_what_takes_few_is_not(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notes are made of several streams: one that has changed since takes a scan, others do not."""
    monkeypatch.setattr(events, "EVENTS_AT_ONCE", 4)
    head = await rig.write("abcde")
    await rig.append("note-a", Scored(by=1))
    await rig.projected()
    enough, short = (PastReader(rig.reader, rig.log, most, DEADLINE).at(head) for most in (5, 4))
    row = await enough.get(TENANT, "note-a")
    assert row is not None
    assert row["score"] == 0
    assert await enough.count(TENANT) == 5
    assert (await short.get(TENANT, "note-b")) == await rig.reader.get(TENANT, "note-b")
    for question in (short.get(TENANT, "note-a"), short.page(TENANT, first=1), short.count(TENANT)):
        with pytest.raises(TooComplex, match="more than 4 events"):
            await question


async def test_a_list_of_a_position_that_the_view_does_not_reach_is_stale_and_a_row_is_not(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database) as idle:
        head = await idle.write("ab")
        then = PastReader(idle.reader, idle.log, 100_000, 0.05).at(head)
        row = await then.get(TENANT, "note-b")
        assert row is not None
        assert row["text"] == "b"
        for question in (then.page(TENANT, first=1), then.count(TENANT)):
            with pytest.raises(StaleRead):
                await question


@pytest.mark.parametrize("view", [people.view, mentions.view], ids=["by stream", "by scan"])
async def test_the_erased_are_null_in_the_past_as_soon_as_their_erasure_is_stored(
    mongo_url: str, redis_url: str, database: str, view: View[Any]
) -> None:
    """Also in a past that was asked for before, and where the view has yet to meet the erasure."""
    about, masters = "person-1", MasterKeys(b"m" * 32)
    async with open_rig(mongo_url, redis_url, database, view=view, masters=masters) as rig:
        past = PastReader(rig.reader, rig.log, 100_000, 0.5)
        worker = rig.worker()
        await worker.start()
        own = (PersonRegistered(city="Graz", name="plain"), Remarked(about_id=about, text="plain"))
        head = (await rig.append(about, *own)).position
        await rig.append(about, Remarked(about_id=about, likes=1))
        last = await rig.projected()
        for position in (head, last):
            assert "plain" in str((await past.at(position).page(TENANT, first=9)).rows)
        await worker.stop()

        await rig.append(f"subject-{about}", SubjectErased(subject=about))
        await rig.log.keys.destroy([owner_of(TENANT, about)])
        for position in (head, last):
            assert "plain" not in str(await past.at(position).get(TENANT, about))
            with pytest.raises(StaleRead):
                await past.at(position).page(TENANT, first=9)
        worker = rig.worker()
        await worker.start()
        await rig.projected()
        for position in (head, last):
            assert "plain" not in str((await past.at(position).page(TENANT, first=9)).rows)
        await worker.stop()


async def test_many_rows_are_folded_by_few_reads_and_long_streams_one_by_one(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STREAMS_AT_ONCE", 2)
    monkeypatch.setattr(events, "EVENTS_AT_ONCE", 3)
    lengths = {"person-1": 4, "person-2": 1, "person-3": 0, "person-4": 0, "person-5": 9}
    async with open_rig(mongo_url, redis_url, database, work=True, view=people.view) as rig:
        for person, length in lengths.items():
            await rig.append(person, PersonRegistered(city="Graz"))
            for _ in range(length):
                await rig.append(person, Remarked(likes=1))
        head = await rig.projected()
        for person in lengths:
            await rig.append(person, Remarked(likes=100))
        await rig.projected()
        page = await PastReader(rig.reader, rig.log, 19, DEADLINE).at(head).page(TENANT, first=9)
        assert {row["id"]: row["likes"] for row in page.rows} == lengths
        with pytest.raises(TooComplex):
            await PastReader(rig.reader, rig.log, 18, DEADLINE).at(head).page(TENANT, first=9)


async def test_pages_of_a_history_join_in_both_directions(rig: Rig) -> None:
    for score in range(5):
        await rig.append("note-a", *([Written(text="a")] if not score else []), Scored(by=1), Scored(by=1))
        await rig.append("note-b", Linked(to="note-a"))
    await rig.append("note-a", Scored(by=1), Scored(by=-1))
    await rig.append("note-a", Erased())
    await rig.append("note-c", Written(text="a"), Erased())
    now = PastReader(rig.reader, rig.log, 100_000, DEADLINE).at(await rig.log.settled())
    whole = (await now.history(TENANT, "note-a", first=100)).changes
    assert [(one.commit.position, one.after and one.after["score"]) for one in whole][-3:] == [
        (10, 10),
        (11, 10),
        (12, None),
    ]
    assert [event.type for event in whole[0].events] == ["note.written", "note.scored", "note.scored"]
    assert whole[0].before is None
    assert set(whole[1].fields) == {"links", "folded"}
    forth: list[Change] = []
    back: list[Change] = []
    page = await now.history(TENANT, "note-a", first=3)
    while page.changes:
        forth += page.changes
        assert page.has_next is (len(forth) < len(whole))
        page = await now.history(TENANT, "note-a", first=3, after=forth[-1].commit.position)
        assert page.has_previous
    page = await now.history(TENANT, "note-a", last=3)
    while page.changes:
        back = [*page.changes, *back]
        assert page.has_previous is (len(back) < len(whole))
        page = await now.history(TENANT, "note-a", last=3, before=back[0].commit.position)
        assert page.has_next
    assert forth == back == whole
    for nothing in ("note-x", "note-c"):
        assert (await now.history(TENANT, nothing, first=1)).changes == []
    assert await now.why(TENANT, "note-a", "score") is None
    between = await now.history(TENANT, "note-a", first=9, after=1, before=4)
    assert ([one.commit.position for one in between.changes], between.has_next) == ([2, 3], True)


async def test_why_tells_the_event_that_set_a_value_and_the_chain_that_led_to_it(nerve: Nerve) -> None:
    async def send(command: Command, **cause: Any) -> tuple[str, Any]:
        receipt = await nerve.bus.dispatch(
            Envelope(command, Scope(TENANT, "ann"), correlation="corr", **cause)
        )
        found = await nerve.log.search(TENANT, EventQuery(), receipt.position - 1, 1)
        return receipt.command_id, found[0]

    _, registered = await send(RegisterAgent(id="agent-1", name="Writer"))
    asked, created = await send(CreateTask(id="task-1", title="Sum"), causation=registered.id)
    _, assigned = await send(AssignTask(id="task-1", agent_id="agent-1"), causation=asked)
    _, started = await send(StartTask(id="task-1"), causation=assigned.id)
    past = nerve.services.past["tasks"]
    now = past.at(started.position)

    reason = await now.why(TENANT, "task-1", "status")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == ("ASSIGNED", "STARTED", started)
    assert list(reason.causes) == [assigned, created, registered]
    reason = await now.why(TENANT, "task-1", "agent_id")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == (None, "agent-1", assigned)
    reason = await now.why(TENANT, "task-1", "error")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == (None, None, created)
    earlier = await past.at(assigned.position).why(TENANT, "task-1", "status")
    assert earlier is not None
    assert (earlier.before, earlier.value, earlier.event) == ("CREATED", "ASSIGNED", assigned)
    assert await past.at(registered.position).why(TENANT, "task-1", "status") is None


async def test_a_chain_that_leads_back_to_itself_or_out_of_the_log_ends(nerve: Nerve) -> None:
    scope = Scope(TENANT)
    for number, cause in enumerate(("cmd-2", "cmd-0", "evt-unknown")):
        command = RegisterAgent(id=f"agent-{number}", name="Writer")
        await nerve.bus.dispatch(
            Envelope(command, scope, f"cmd-{number}", correlation="corr", causation=cause)
        )
    now = nerve.services.past["agents"].at(3)
    for number, causes in enumerate(([], ["agent-0"], [])):
        reason = await now.why(TENANT, f"agent-{number}", "name")
        assert reason is not None
        assert [event.stream for event in reason.causes] == causes
