"""Personal values of commands, requests and replies in the events of processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Catalog, ChangeCommand, Event, Identifier, Personal, RecordedEvent
from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.event import NewEvent
from domain.kernel.personal import (
    holds_personal_values,
    personal_inputs,
    put_personal,
    split_personal,
    without_subject,
)
from domain.process import CallFailed, CallReplied, ProcessFacts, Reply, Request, Saga, Step
from domain.process.events import (
    PERSONAL_DATA_ERASED,
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CommandRequested,
    ProcessStuck,
)
from domain.process.personal_values import at_paths, input_subjects, lost_subjects, reply_subjects
from domain.process.settlements import outcome_of, settlement_of
from eventstore.integrity.event_schemas import EventSchemas
from subscriptions.processes.call_effects import CallEffects
from subscriptions.processes.circuits import PortCircuit
from subscriptions.processes.erased_data import WITHHELD
from subscriptions.processes.held_work import EffectRequest, HeldWork
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import Work
from tests.helpers.guests import GuestAnnounced, GuestPassedOn, Invitation, Invite, Invited, Post, invitations
from tests.helpers.instances import InstanceLog
from tests.helpers.process_rig import CountingMeter

NAMES = st.text("abc", min_size=1, max_size=3)
MEMBERS = st.dictionaries(NAMES, st.integers(0, 9))


@given(input=MEMBERS, undo=MEMBERS, data=st.data())
def test_values_that_are_taken_out_to_be_encrypted_are_put_back_where_they_were(
    input: dict[str, int], undo: dict[str, int], data: st.DataObject
) -> None:
    """No personal value stays in the data, and after an erasure exactly those of its subject are null."""
    paths = [f"input.{name}" for name in input] + [f"compensation_input.{name}" for name in undo]
    subjects = st.sampled_from(["person-1", "person-2"])
    personal = data.draw(st.dictionaries(st.sampled_from(paths), subjects)) if paths else {}
    event = CommandRequested(
        name="a", command="A", input=input, compensation_input=undo, personal=personal or None
    )
    assert holds_personal_values(event) == bool(personal)
    stored, values = split_personal(NewEvent("evt-1", event), "run-1")
    assert {path: subject for subject in values for path in values[subject]} == personal
    assert all(path.partition(".")[2] not in stored[path.partition(".")[0]] for path in personal)
    for subject in values:
        put_personal(stored, values[subject])
    assert CommandRequested.from_data(stored) == event
    erased = without_subject(event, "run-1", "person-1")
    lost = {path for path, subject in personal.items() if subject == "person-1"}
    assert erased.input == {name: None if f"input.{name}" in lost else value for name, value in input.items()}
    assert set(lost_subjects(erased, "input")) == {"person-1" for path in lost if path.startswith("input.")}


def test_stored_data_without_its_encrypted_members_fits_the_schema() -> None:
    """So `nerve verify` finds nothing wrong with it."""
    stored = {"name": "a", "command": "A", "input": {"b": 1}, "personal": {"input.c": "person-1"}}
    schemas = EventSchemas(Catalog([invitations]))
    assert schemas.violation(CommandRequested.type, 1, stored, ["input.c"]) is None


def test_an_erasure_also_empties_the_marked_fields_of_an_event() -> None:
    announced = GuestAnnounced(way="call", name="Ada")
    assert without_subject(announced, "guest-1", "guest-1") == GuestAnnounced(way="call")
    assert without_subject(announced, "guest-1", "guest-2") == announced


def test_subjects_are_named_by_fields_of_the_class_or_of_the_request_of_a_reply() -> None:
    invite = Invite(guest_id="guest-1", name="Ada")
    assert input_subjects(invite) == {"name": "guest-1"}
    assert input_subjects(GuestPassedOn(guest_id="guest-1", name="Ada")) == {"name": "guest-1"}
    assert input_subjects(GuestPassedOn(guest_id="guest-1")) == {}
    assert reply_subjects(Invited(address="here"), invite) == {"address": "guest-1"}
    with pytest.raises(UnfitValue, match=r"GuestAnnounced\.name: it is personal and its class does not say"):
        input_subjects(GuestAnnounced(way="call", name="Ada"))


class NoSubject(ChangeCommand):
    name: Annotated[str, Personal()]


class WrongSubject(ChangeCommand):
    name: Annotated[str, Personal("who")]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (NoSubject, "NoSubject.name is personal without a subject"),
        (WrongSubject, "WrongSubject.name: its subject is named by 'who', which must be a field of the type"),
    ],
)
def test_a_command_whose_personal_fields_have_no_subject_is_refused(command: Any, reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        personal_inputs(command)


class Receipt(Reply):
    email: Annotated[str | None, Personal("payer_id")] = None


class Strict(Reply):
    email: Annotated[str, Personal("payer_id")]


def test_a_reply_names_its_subject_by_its_request_and_may_lose_its_personal_fields() -> None:
    with pytest.raises(DeclarationError, match=r"Receipt\.email.*must be a field of Pay of the type Identif"):

        class Pay(Request[Receipt], port="bank"):
            cents: int

    with pytest.raises(DeclarationError, match=r"Strict\.email is personal and must allow None"):

        class PayStrictly(Request[Strict], port="bank"):
            payer_id: Identifier


def test_an_outcome_that_waits_for_a_decision_keeps_the_subjects_of_its_reply() -> None:
    replied = CallReplied("invite", Invited(address="here"), {"address": "guest-1"})
    settlement = settlement_of("invitation-guest-1:4", replied)
    assert isinstance(settlement, CallSucceeded)
    assert settlement.personal == {"reply.address": "guest-1"}
    log = invitation("call")
    log.instance = log.instance.evolve(ProcessStuck(reason="a test"))
    log.settle(settlement, replied)
    (unhandled,) = log.kept.outcomes
    assert outcome_of(unhandled) == replied


def invitation(way: str) -> InstanceLog:
    """An invitation that has asked for its first effect."""
    log = InstanceLog(Invitation, "invitation-guest-1")
    log.deliver(GuestAnnounced(way=way, name="Ada"), "guest-1")
    return log


def test_a_state_knows_that_an_effect_has_carried_personal_data() -> None:
    log = invitation("call")
    assert log.instance.carries_personal_data
    plain = InstanceLog(type(log.instance.own), "invitation-guest-1")
    assert not plain.instance.carries_personal_data


def test_a_compensation_carries_the_subjects_of_its_values() -> None:
    log = invitation("command")
    (requested,) = [event for event in log.events if isinstance(event, CommandRequested)]
    assert requested.personal == {"input.text": "guest-1", "compensation_input.text": "guest-1"}
    (undo,) = [pending.compensation for pending in log.kept.pending.values()]
    assert undo is not None
    assert undo.personal == {"text": "guest-1"}


def test_a_call_whose_data_was_erased_is_undone_as_one_that_has_timed_out() -> None:
    log = invitation("call")
    (effect,) = log.kept.pending
    refused = CallWasRefused(effect=effect, code=PERSONAL_DATA_ERASED, message="gone")
    events = log.settle(refused, CallFailed("invite", PERSONAL_DATA_ERASED, "gone"))
    assert isinstance(events[-1], CallRequested)
    assert events[-1].request == "Withdraw"


class StayBegun(Event, type="stay.begun"):
    guest_id: Identifier


class Stay(Saga[GuestAnnounced, StayBegun]):
    """A saga whose step has a reply with personal data."""

    category = "stay"
    steps = (Step("invite", call=lambda saga: Invite(guest_id=saga.data.guest_id, name="Ada"), undo=None),)

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    @classmethod
    def start(cls, event: GuestAnnounced, facts: ProcessFacts) -> StayBegun:
        return StayBegun(guest_id=facts.key)


def test_a_step_of_a_saga_is_done_with_the_subjects_of_its_reply() -> None:
    log = InstanceLog(Stay, "stay-guest-1")
    log.deliver(GuestAnnounced(way="call"), "guest-1")
    (effect,) = log.kept.pending
    replied = CallReplied("invite", Invited(address="here"), {"address": "guest-1"})
    done = log.settle(settlement_of(effect, replied), replied)[1]
    assert done.to_data() == {
        "personal": {"reply.address": "guest-1"},
        "step": "invite",
        "reply": {"address": "here"},
    }


def test_a_request_with_personal_data_is_not_kept_in_memory_until_it_runs() -> None:
    event = CommandRequested(name="a", command="A", input={"b": 1})
    request = EffectRequest("evt-1", event)
    assert request.to_hold is request
    carrier = event.model_copy(update={"personal": {"input.b": "person-1"}})
    assert EffectRequest("evt-1", carrier).to_hold is None


INVITE = Invite(guest_id="guest-1", name="Ada")


@pytest.mark.parametrize(
    ("personal", "error"),
    [(at_paths(input=input_subjects(INVITE)), WITHHELD), (None, f"no answer to {INVITE}")],
    ids=["personal", "plain"],
)
async def test_the_error_of_an_attempt_with_personal_data_is_not_kept(
    personal: dict[str, str] | None, error: str
) -> None:
    """A service may repeat in it what was sent."""
    meter, post = CountingMeter(), Post()
    post.is_open = False
    recorder: Any = None  # Nothing is recorded before an outcome.
    circuits = {"post": PortCircuit("post", post, meter.circuit)}
    calls = CallEffects(circuits, recorder, meter, lambda: datetime.now(UTC))
    work = Work(InstanceKey("default", "stay-1"), "stay-1:2", "post", "stay-1", 2, 7, "c")
    sent = {"guestId": "guest-1", "name": "Ada"}
    requested = CallRequested(name="ask", port="post", request="Invite", input=sent, personal=personal)
    again = await calls.run(HeldWork(work, None), requested)
    assert again is not None
    assert again.error == error
