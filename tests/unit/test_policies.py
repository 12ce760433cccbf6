"""Policies: the commands after an event, their ids, and declarations that are refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from domain.kernel import Command, Event, RecordedEvent
from domain.kernel.errors import ContextFault, DeclarationError
from domain.process import Policy
from tests.helpers.errands import ChoreDone, ChoreUndone, DoChore
from tests.helpers.instances import recorded
from tests.helpers.user_package import CONTEXT, Package, printed_api, refused


def event_of(payload: Event, stream: str = "chore-1", version: int = 1) -> RecordedEvent:
    """An event as it is read from the log."""
    return recorded(payload, stream, version, version)


def again(event: RecordedEvent) -> Iterable[Command]:
    yield DoChore(id=f"{event.stream}-again")


def wrong(event: RecordedEvent) -> Any:
    return ["do it"]


def failing(event: RecordedEvent) -> Iterable[Command]:
    yield DoChore(id="chore-2")
    raise ValueError("private data")


async def waiting(event: RecordedEvent) -> Iterable[Command]:
    return ()


def of_nothing() -> Iterable[Command]:
    return ()


def test_a_policy_returns_commands_for_its_events_only() -> None:
    policy = Policy("again", (ChoreUndone,), again)
    assert policy.commands(event_of(ChoreUndone())) == (DoChore(id="chore-1-again"),)
    assert policy.commands(event_of(ChoreDone())) == ()


def test_the_command_id_is_the_same_each_time_and_never_too_long() -> None:
    policy = Policy("again", (ChoreUndone,), again)
    event = event_of(ChoreUndone(), version=7)
    assert policy.command_id(event, 0) == policy.command_id(event, 0) == "policy:again:chore-1:7:0"
    long = event_of(ChoreUndone(), "chore-" + "x" * 120)
    ids = {policy.command_id(long, index) for index in range(3)}
    assert len(ids) == 3
    assert {len(each) for each in ids} == {128}


@pytest.mark.parametrize(
    ("react", "message"),
    [
        (wrong, "react of the policy 'again' returned a value of class str for the event 'chore.undone'; it"),
        (failing, "react of the policy 'again' raised ValueError"),
    ],
)
def test_a_wrong_result_is_a_fault_that_names_the_policy(react: Any, message: str) -> None:
    with pytest.raises(ContextFault) as error:
        Policy("again", (ChoreUndone,), react).commands(event_of(ChoreUndone()))
    assert message in str(error.value)
    assert "private" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Again", (ChoreUndone,), again), "the name of a policy must be 1 to 40 lower-case letters"),
        (("again", ChoreUndone, again), "events of the policy 'again' must be a tuple of classes of events"),
        (("again", (), again), "events of the policy 'again' must be a tuple of classes of events"),
        (("again", (DoChore,), again), "must be a tuple of classes of events, as in"),
        (("again", (ChoreUndone,), waiting), "react of the policy 'again' is asynchronous; it must be pure"),
        (("again", (ChoreUndone,), of_nothing), "react of the policy 'again' must take (event), but"),
        (("again", (ChoreUndone,), 7), "react of the policy 'again' must be a function, not 7"),
        (
            ("again", (ChoreUndone,), again, "NOW!"),
            "starts at 'NOW!'; write StartAt.NOW or",
        ),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        Policy(*arguments)
    assert message in str(error.value)


POLICIES = """
from domain.process import Policy
from {package}.shop import Closed

def react(event):
    return []

policies = (Policy("reopen", (Closed,), react),)
"""


def test_a_module_may_declare_policies_only(package: Package) -> None:
    shop, rules = package.write("shop", CONTEXT), package.write("rules", POLICIES)
    assert "open(" in printed_api(shop, rules)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "policies = [1]",
            "`policies` of the module '{0}.rules' is of class list; it must be a tuple,",
        ),
        ("policies = (1,)", "`policies` of the module '{0}.rules' has a value of class int; each must be a"),
    ],
)
def test_policies_that_are_none_are_refused(package: Package, source: str, message: str) -> None:
    assert message.format(package.name) in refused(package.write("rules", source))


def test_two_policies_of_one_name_are_refused(package: Package) -> None:
    package.write("shop", CONTEXT)
    one, other = package.write("one", POLICIES), package.write("other", POLICIES)
    assert refused(one, other) == (
        f"contexts: {one} and {other} both declare a policy 'reopen'; give one of them another name"
    )
