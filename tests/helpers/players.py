"""A context with a unique value, the nickname of a player, and an unchecked note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from domain.kernel import (
    Aggregate,
    Catalog,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Unique,
)
from domain.kernel.fields import Name


class Join(CreateCommand):
    """Adds a player."""

    nick: Name


class Rename(ChangeCommand):
    """Gives a player another nickname."""

    nick: Name


class Quit(ChangeCommand):
    """Ends a player's membership, and frees the nickname."""


class Joined(Event, type="player.joined"):
    """A player came with this nickname."""

    nick: str


class Renamed(Event, type="player.renamed"):
    """A player has another nickname."""

    nick: str


class HasQuit(Event, type="player.quit"):
    """A player left."""


PlayerEvent = Joined | Renamed | HasQuit


@dataclass(frozen=True, slots=True)
class Player(Aggregate[Join | Rename | Quit, PlayerEvent]):
    """A player, whose nickname is compared in lower case."""

    category: ClassVar[str] = "player"
    nick: str | None = None

    def decide(self, command: Join | Rename | Quit, facts: Facts) -> Sequence[PlayerEvent]:
        match command:
            case Join(nick=nick):
                return [Joined(nick=nick)]
            case Rename(nick=nick):
                return [] if nick == self.nick else [Renamed(nick=nick)]
            case Quit():
                return [HasQuit()] if self.nick else []

    def evolve(self, event: PlayerEvent) -> Player:
        return replace(self, nick=None if isinstance(event, HasQuit) else event.nick)


def nickname(player: Player) -> str | None:
    """Return the nickname in the form in which nicknames are compared."""
    return player.nick and player.nick.casefold()


context = Context("players", Player, unique=(Unique("nick_name", of=nickname),))
CATALOG = Catalog([context])


def owners(events: Iterable[tuple[str, Event]]) -> Mapping[str, str]:
    """Return the nickname of each player, by stream; fail where two have the same one at a time."""
    nicks: dict[str, str] = {}
    for stream, event in events:
        nicks.pop(stream, None)
        if isinstance(event, Joined | Renamed):
            nick = event.nick.casefold()
            assert nick not in nicks.values(), f"{stream} and another stream have {nick}"
            nicks[stream] = nick
    return nicks
