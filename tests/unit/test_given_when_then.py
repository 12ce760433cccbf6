"""The kits that contexts and views are tested with: what they show to `decide`, and what fails a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, TypedDict

import pytest

from domain.kernel import (
    Aggregate,
    AlreadyExists,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    InvariantViolated,
    NotFound,
    RecordedEvent,
    Refers,
)
from domain.kernel.errors import ContextFault, ValidationFailed
from domain.testing import NOON, given
from projections.kernel import View, by_stream
from projections.testing import History


class OpenAccount(CreateCommand):
    """Opens an account."""


class Post(ChangeCommand):
    """Posts an amount. An even one is right, an odd one is not stored as it should be."""

    amount: int


class Merge(ChangeCommand):
    """Takes over what another account has."""

    account_id: Annotated[Identifier, Refers("account")]
    unmarked_id: str | None = None


class AccountOpened(Event, type="account.opened"):
    by: str | None = None


class Posted(Event, type="account.posted"):
    amount: int
    stream_id: str
    version: int


class Undeclared(Event, type="account.undeclared"):
    pass


UNDECLARED = [Undeclared()]
"""Made outside the class, where no check of the declaration finds it."""

AccountCommand = OpenAccount | Post | Merge
AccountEvent = AccountOpened | Posted


@dataclass(frozen=True, slots=True)
class Account(Aggregate[AccountCommand, AccountEvent]):
    category: ClassVar[str] = "account"
    balance: int = 0

    def decide(self, command: AccountCommand, facts: Facts) -> Sequence[AccountEvent]:
        match command:
            case OpenAccount():
                return [AccountOpened(by=facts.actor)]
            case Post(amount=0):
                return []
            case Post(amount=13):
                return UNDECLARED  # type: ignore[return-value]
            case Post(amount=amount):
                if self.balance + amount < 0:
                    raise InvariantViolated(f"the balance is {self.balance}")
                return [Posted(amount=amount, stream_id=facts.stream_id, version=facts.version)]
            case Merge():
                other = facts.reference(Account, command.unmarked_id or command.account_id)
                return [Posted(amount=other.balance, stream_id=facts.stream_id, version=facts.version)]

    def evolve(self, event: AccountEvent) -> Account:
        return Account(self.balance + event.amount) if isinstance(event, Posted) else self


class AccountRow(TypedDict):
    id: str
    balance: int
    times: tuple[str, ...]


def apply(id: str, row: AccountRow | None, event: RecordedEvent) -> AccountRow | None:
    match event.payload:
        case AccountOpened():
            return AccountRow(id=id, balance=0, times=())
        case Posted(amount=99):
            return None
        case Posted(amount=amount) if row is not None:
            time = f"{event.time:%H:%M} {event.version} {event.commit.actor}"
            return {**row, "balance": row["balance"] + amount, "times": (*row["times"], time)}
    raise LookupError("no such row")


view = View(
    name="accounts",
    singular="account",
    context=Context("accounts", Account),
    row=AccountRow,
    key=by_stream,
    apply=apply,
)

ID, OPENED = "account-7", AccountOpened()


def posted(amount: int, version: int = 1, stream: str = ID) -> Posted:
    return Posted(amount=amount, stream_id=stream, version=version)


def test_decide_sees_its_stream_its_version_and_the_actor() -> None:
    given(Account).by("ann").when(OpenAccount()).then(AccountOpened(by="ann"))
    given(Account, OPENED, posted(4)).when(Post(id=ID, amount=2)).then(posted(2, version=2))


def test_decide_sees_the_state_of_a_stream_that_the_command_refers_to() -> None:
    two = given(Account, OPENED).with_stream("account-8", Account, OPENED, posted(4))
    two.when(Merge(id=ID, account_id="account-8")).then(posted(4))
    two.when(Merge(id=ID, account_id="account-9")).then_refused(NotFound, "there is no account 'account-9'")
    two.when(Merge(id=ID, account_id="agent-9")).then_refused(ValidationFailed)
    unmarked = Merge(id=ID, account_id="account-8", unmarked_id="account-9")
    two.when(unmarked).then_refused(ContextFault, "Annotated[Identifier, Refers(Account)]")


def test_a_command_meets_the_checks_of_the_bus() -> None:
    given(Account).when(Post(id=ID, amount=2)).then_refused(NotFound)
    given(Account, OPENED).when(OpenAccount(id=ID)).then_refused(AlreadyExists)
    given(Account, OPENED).when(Post(id=ID, amount=13)).then_refused(
        ContextFault, "returned the event Undeclared"
    )
    given(Account, OPENED).when(Post(id="agent-7", amount=2)).then_refused(ValidationFailed)


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda outcome: outcome.then(posted(3)), r"decided on \[Posted\(amount=2.*\n.*Posted\(amount=3"),
        (lambda outcome: outcome.then(posted(2), posted(2)), "decided on"),
        (lambda outcome: outcome.then_nothing(), r"and not on \[\]"),
        (lambda outcome: outcome.then_refused(), r"decided on .* and did not refuse"),
    ],
)
def test_another_outcome_fails_the_test(fails: Callable[..., None], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        fails(given(Account, OPENED).when(Post(id=ID, amount=2)))


def test_another_refusal_fails_the_test() -> None:
    refused = given(Account, OPENED).when(Post(id=ID, amount=-2))
    refused.then_refused(containing="balance")
    with pytest.raises(InvariantViolated):
        refused.then()
    with pytest.raises(InvariantViolated):
        refused.then_refused(NotFound)
    with pytest.raises(AssertionError, match="without 'overdrawn'"):
        refused.then_refused(containing="overdrawn")


def test_rows_are_those_that_a_projector_would_store() -> None:
    history = History().add(ID, OPENED, posted(4)).add("account-8", OPENED)
    history.add(ID, posted(2), at=NOON + timedelta(hours=1), actor="ann")
    assert history.rows(view) == {
        ID: {"id": ID, "balance": 6, "times": ("12:00 2 None", "13:00 3 ann")},
        "account-8": {"id": "account-8", "balance": 0, "times": ()},
    }
    assert history.add(ID, posted(99)).rows(view).keys() == {"account-8"}


def test_an_event_that_the_view_cannot_fold_fails_the_test() -> None:
    history = History().add(ID, posted(4))
    with pytest.raises(AssertionError, match=r"cannot fold 'account\.posted', version 1 of account-7"):
        history.rows(view)
