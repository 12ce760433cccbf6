"""Personal data in effects: encrypted where it is stored, and no effect runs after its erasure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import bson
import pytest

from api.ids import now
from api.transfer.export_writer import commit_lines
from domain.kernel import RecordedEvent
from domain.process import ProcessRequested
from domain.process.advance import Advance
from domain.process.effect_ids import effect_id
from domain.process.events import (
    PERSONAL_DATA_ERASED,
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    ProcessStatus,
)
from domain.process.reacting import react_to_event, react_to_request
from eventstore.history.trace import read_trace
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from subscriptions.processes.instances import CommitCause, InstanceKey
from tests.helpers.guests import (
    CATALOG,
    HALL,
    AnnounceGuest,
    GuestPassedOn,
    Invite,
    Post,
    WelcomeGuest,
    Withdraw,
)
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

MARKER = "Zaphod"
MASTERS = MasterKeys(b"m" * 32)
INVITATION = InstanceKey("default", "invitation-guest-1")
REQUESTS = (CallRequested, CommandRequested, ChildRequested)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str, post: Post) -> AsyncIterator[ProcessRig]:
    """A worker that has not started."""
    async with open_process_rig(
        mongo_url, redis_url, database, adapters={"post": post}, catalog=CATALOG, work=False, masters=MASTERS
    ) as rig:
        yield rig


async def announce(rig: ProcessRig, way: str) -> RecordedEvent:
    """Announce a guest, and return the event."""
    await rig.send(AnnounceGuest(id="guest-1", name=MARKER, way=way))
    (event,) = await rig.events("guest-1")
    return event


async def react(rig: ProcessRig, event: RecordedEvent) -> None:
    """Let the invitation ask for its effect, which no worker runs yet."""

    def react(state: Any) -> Advance:
        return react_to_event(state, event, INVITATION.stream, now())

    command_id = f"{INVITATION.stream}<{event.stream}:{event.version}"
    cause = CommitCause(command_id, "ReactToEvent", event.commit.correlation, event.id)
    await rig.instances.change(INVITATION, react, cause)


async def erase(rig: ProcessRig) -> None:
    await rig.log.keys.destroy([owner_of("default", "guest-1")])


async def stored(rig: ProcessRig) -> bytes:
    """All documents of the database."""
    names = await rig.database.list_collection_names()
    documents = [document for name in names for document in await rig.database[name].find().to_list(None)]
    return b"".join(map(bson.encode, documents))


async def exported(rig: ProcessRig, *, personal: bool) -> bytes:
    commits = await rig.log.reader().read(0, 100)
    return b"".join(commit_lines(commit, personal=personal) for commit in commits if commit.info)


async def payloads_of(rig: ProcessRig, *kinds: type[Any]) -> list[Any]:
    return [payload for payload in await rig.payloads(INVITATION) if isinstance(payload, kinds)]


async def test_effects_have_personal_data_that_is_stored_encrypted(rig: ProcessRig, post: Post) -> None:
    """Commands, requests, replies and compensations; and it is gone everywhere with the key."""
    event = await announce(rig, "call")
    await rig.worker.start()
    await rig.until(INVITATION, ProcessStatus.COMPLETED)
    assert post.requests == [Invite(guest_id="guest-1", name=MARKER)]
    (welcomed,) = await rig.events(HALL)
    assert welcomed.data["text"] == f"{MARKER} Street"
    call, reply, command = await payloads_of(rig, CallRequested, CallSucceeded, CommandRequested)
    assert call.input == {"guestId": "guest-1", "name": MARKER}
    assert (reply.reply, command.input["text"]) == ({"address": f"{MARKER} Street"}, f"{MARKER} Street")
    assert MARKER.encode() not in await stored(rig)
    assert MARKER.encode() in await exported(rig, personal=True)
    assert MARKER.encode() not in await exported(rig, personal=False)
    await erase(rig)
    call, reply, command = await payloads_of(rig, CallRequested, CallSucceeded, CommandRequested)
    assert call.input == {"guestId": "guest-1", "name": None}
    assert (reply.reply, command.input["text"]) == ({"address": None}, None)
    trace = await read_trace(rig.log, ["invitation"], "default", event.commit.correlation)
    assert len(trace.nodes) > 5
    assert MARKER not in repr(trace)


@pytest.mark.parametrize("way", ["call", "command", "child"])
async def test_an_effect_whose_personal_data_was_erased_before_it_ran_is_refused(
    rig: ProcessRig, post: Post, way: str
) -> None:
    """A call may have been carried out by an attempt before that, so it is undone."""
    await react(rig, await announce(rig, way))
    assert MARKER.encode() not in await stored(rig)
    await erase(rig)
    await rig.worker.start()
    await rig.until(INVITATION, ProcessStatus.COMPENSATED)
    (refused,) = await payloads_of(rig, CommandWasRefused, CallWasRefused)
    assert (refused.code, "guest-1" in refused.message) == (PERSONAL_DATA_ERASED, True)
    request = (await payloads_of(rig, *REQUESTS))[0]
    assert None in request.input.values()
    assert post.requests == ([Withdraw(guest_id="guest-1")] if way == "call" else [])
    assert await rig.events(HALL) == []
    assert await rig.events(f"{INVITATION.stream}.sent") == []


async def test_a_command_that_was_stored_before_the_erasure_counts_as_done(rig: ProcessRig) -> None:
    """The worker that had dispatched it was killed before it could record the outcome."""
    await react(rig, await announce(rig, "command"))
    (request,) = [
        event for event in await rig.events(INVITATION.stream) if isinstance(event.payload, CommandRequested)
    ]
    welcome = WelcomeGuest(id=HALL, guest_id="guest-1", text=MARKER)
    await rig.send(welcome, command_id=effect_id(INVITATION.stream, request.version))
    await erase(rig)
    await rig.worker.start()
    await rig.until(INVITATION, ProcessStatus.COMPLETED)
    assert len(await payloads_of(rig, CommandSucceeded)) == 1
    assert len(await rig.events(HALL)) == 1


async def test_a_process_that_was_started_before_the_erasure_counts_as_started(rig: ProcessRig) -> None:
    """Its end is the outcome, as if nothing had been erased."""
    await react(rig, await announce(rig, "child"))
    (request,) = [
        event for event in await rig.events(INVITATION.stream) if isinstance(event.payload, ChildRequested)
    ]
    effect, child = effect_id(INVITATION.stream, request.version), f"{INVITATION.stream}.sent"
    start = partial(
        react_to_request,
        request=ProcessRequested(INVITATION.stream, GuestPassedOn(guest_id="guest-1", name=MARKER)),
        effect=effect,
        stream=child,
        now=now(),
    )
    cause = CommitCause(effect, "StartProcess", request.commit.correlation, request.id)
    await rig.instances.change(InstanceKey("default", child), start, cause)
    await erase(rig)
    await rig.worker.start()
    await rig.until(INVITATION, ProcessStatus.COMPLETED)
    assert len(await payloads_of(rig, ChildEnded)) == 1


async def test_a_call_is_not_sent_again_after_the_erasure(rig: ProcessRig, post: Post) -> None:
    post.is_open = False
    await rig.worker.start()
    await announce(rig, "call")

    async def is_sent() -> bool:
        return bool(post.requests)

    await until(is_sent)
    await erase(rig)
    post.is_open = True
    await rig.until(INVITATION, ProcessStatus.COMPENSATED)
    *attempts, withdrawal = post.requests
    assert set(attempts) == {Invite(guest_id="guest-1", name=MARKER)}
    assert withdrawal == Withdraw(guest_id="guest-1")
    assert MARKER.encode() not in await stored(rig)


async def test_a_reaction_to_data_that_is_erased_meanwhile_is_stored_without_it(
    rig: ProcessRig, post: Post
) -> None:
    """The event was read before the erasure, and the reaction is appended after it."""
    event = await announce(rig, "call")
    await erase(rig)
    await react(rig, event)
    assert MARKER.encode() not in await stored(rig)
    await rig.worker.start()
    await rig.until(INVITATION, ProcessStatus.COMPENSATED)
    assert post.requests == [Withdraw(guest_id="guest-1")]


async def test_states_with_personal_data_of_effects_do_not_outlive_the_erasure(rig: ProcessRig) -> None:
    """They are not cached, though the process has no personal fields of its own."""
    await react(rig, await announce(rig, "command"))

    async def compensation() -> Any:
        (pending,) = (await rig.instances.state(INVITATION)).pending.values()
        assert pending.compensation is not None
        return pending.compensation.input

    assert await compensation() == {"id": HALL, "guestId": "guest-1", "text": MARKER}
    await erase(rig)
    assert await compensation() == {"id": HALL, "guestId": "guest-1", "text": None}
