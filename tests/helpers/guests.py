"""A process whose effects carry personal data: a guest is invited in the way that is asked for.

The way is ``call``, ``command`` or ``child``. An invited guest is welcomed with the address of the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from domain.kernel import (
    Aggregate,
    Catalog,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    Json,
    Personal,
    PutCommand,
    RecordedEvent,
)
from domain.process import (
    Call,
    CallFailed,
    CallReplied,
    CommandDone,
    CommandRefused,
    Compensate,
    Complete,
    Dispatch,
    Process,
    ProcessEnded,
    ProcessFacts,
    ProcessRequested,
    Reaction,
    Reply,
    Request,
    StartAt,
    StartProcess,
    process_context,
)
from subscriptions.processes.ports import PortUnavailable

HALL = "hall-1"

OptionalText = Annotated[str | None, Personal("guest_id")]


class AnnounceGuest(CreateCommand):
    """Announce a guest."""

    name: str
    way: str = "call"


class GuestAnnounced(Event, type="guest.announced"):
    way: str
    name: Annotated[str | None, Personal()] = None


class GuestPassedOn(Event, type="guest.passed_on"):
    guest_id: Identifier
    name: OptionalText = None


@dataclass(frozen=True, slots=True)
class Guest(Aggregate[AnnounceGuest, GuestAnnounced | GuestPassedOn]):
    category = "guest"

    def decide(self, command: AnnounceGuest, facts: Facts) -> Sequence[GuestAnnounced]:
        return [GuestAnnounced(way=command.way, name=command.name)]

    def evolve(self, event: GuestAnnounced | GuestPassedOn) -> Self:
        return self


class WelcomeGuest(PutCommand):
    """Welcome a guest by name and address."""

    id: Identifier
    guest_id: Identifier
    text: Annotated[str, Personal("guest_id")]

    @property
    def target(self) -> str:
        return self.id


class SeeOff(ChangeCommand):
    """See a guest off, by name."""

    guest_id: Identifier
    text: Annotated[str, Personal("guest_id")]


class GuestWelcomed(Event, type="hall.welcomed"):
    guest_id: Identifier
    text: OptionalText = None


@dataclass(frozen=True, slots=True)
class Hall(Aggregate[WelcomeGuest | SeeOff, GuestWelcomed]):
    category = "hall"

    def decide(self, command: WelcomeGuest | SeeOff, facts: Facts) -> Sequence[GuestWelcomed]:
        match command:
            case WelcomeGuest(guest_id=guest, text=text):
                return [GuestWelcomed(guest_id=guest, text=text)]
            case SeeOff():
                return []

    def evolve(self, event: GuestWelcomed) -> Self:
        return self


class Invited(Reply):
    address: OptionalText = None


class Invite(Request[Invited], port="post"):
    guest_id: Identifier
    name: Annotated[str, Personal("guest_id")]


class Withdraw(Request[Invited], port="post"):
    guest_id: Identifier


class InvitationBegun(Event, type="invitation.begun"):
    guest_id: str


InvitationTrigger = (
    GuestAnnounced | CallReplied | CallFailed | CommandDone | CommandRefused | ProcessRequested | ProcessEnded
)


@dataclass(frozen=True, slots=True)
class Invitation(Process[InvitationTrigger, InvitationBegun]):
    """The invitation of one guest. Its own events have no personal fields."""

    category: ClassVar[str] = "invitation"
    starts_at = StartAt.BEGINNING

    guest_id: str = ""

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger: InvitationTrigger, facts: ProcessFacts) -> Reaction:
        match trigger:
            case GuestAnnounced(way=way, name=name):
                begun = InvitationBegun(guest_id=facts.key)
                return [] if name is None else [begun, *_invite(facts.key, way, name)]
            case CallReplied(name="invite", reply=Invited(address=address)) if address is not None:
                welcome = WelcomeGuest(id=HALL, guest_id=self.guest_id, text=address)
                return [Dispatch(welcome, "welcome")]
            case CallFailed() | CommandRefused():
                return [Compensate("the guest cannot be invited")]
            case CommandDone() | ProcessEnded() | ProcessRequested():
                return [Complete()]
        return []

    def evolve(self, event: InvitationBegun) -> Invitation:
        return Invitation(event.guest_id)


def _invite(guest: str, way: str, name: str) -> Reaction:
    match way:
        case "call":
            yield Call(Invite(guest_id=guest, name=name), "invite", compensation=Withdraw(guest_id=guest))
        case "command":
            see_off = SeeOff(id=HALL, guest_id=guest, text=name)
            yield Dispatch(WelcomeGuest(id=HALL, guest_id=guest, text=name), "welcome", compensation=see_off)
        case "child":
            passed_on = GuestPassedOn(guest_id=guest, name=name)
            yield StartProcess("invitation", f"{guest}.sent", passed_on, "pass on")


class Post:
    """The port ``post``: it replies with an address that contains the name, while it is open."""

    def __init__(self) -> None:
        self.is_open = True
        self.requests: list[Request[Any]] = []

    async def call(self, key: str, request: Request[Any]) -> Json:
        self.requests.append(request)
        if not self.is_open:
            raise PortUnavailable(f"no answer to {request}")
        return {"address": f"{request.name} Street"} if isinstance(request, Invite) else {}


guests = Context("guests", Guest)
halls = Context("halls", Hall)
invitations = process_context("invitations", Invitation)
CATALOG = Catalog([guests, halls, invitations])
