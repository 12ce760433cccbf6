"""A context of the tests' own whose events hold personal data, and a view of it by stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    InvariantViolated,
    Personal,
    RecordedEvent,
    Text,
)
from projections.kernel import View, by_stream


class PersonRegistered(Event, type="person.registered"):
    """A person is known from now on."""

    city: str
    name: Annotated[Text | None, Personal()] = None


class PersonRenamed(Event, type="person.renamed"):
    """A person has another name."""

    name: Annotated[Text | None, Personal()] = None


class Remarked(Event, type="person.remarked"):
    """A person said something, which may be about another one."""

    likes: int = 0
    about_id: Identifier | None = None
    own: Annotated[Text | None, Personal()] = None
    text: Annotated[Text | None, Personal("about_id")] = None


PersonEvent = PersonRegistered | PersonRenamed | Remarked


class RegisterPerson(CreateCommand):
    """Makes a person known."""

    city: str
    name: Text | None = None


class RenamePerson(ChangeCommand):
    """Gives a person another name."""

    name: Text


class Remark(ChangeCommand):
    """Notes what a person said, and what it said of another."""

    likes: int = 0
    own: Text | None = None
    about_id: Identifier | None = None
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class Person(Aggregate[RegisterPerson | RenamePerson | Remark, PersonEvent]):
    """A person and the last name that it had."""

    category: ClassVar[str] = "person"

    name: str | None = None

    def decide(self, command: RegisterPerson | RenamePerson | Remark, facts: Facts) -> Sequence[PersonEvent]:
        match command:
            case RegisterPerson():
                return [PersonRegistered(city=command.city, name=command.name)]
            case RenamePerson():
                if command.name == self.name:
                    raise InvariantViolated("that is its name already")
                return [PersonRenamed(name=command.name)]
            case Remark():
                said = command.model_dump(exclude={"id"})
                return [Remarked(**said)]

    def evolve(self, event: PersonEvent) -> Person:
        return self if isinstance(event, Remarked) else replace(self, name=event.name)


context = Context("people", Person)


class PersonRow(TypedDict):
    """A person with the names that it had; `likes` is of no person."""

    id: str
    name: str | None
    former: list[str | None]
    city: str
    said: list[str | None]
    likes: int


def _apply(id: str, row: PersonRow | None, event: RecordedEvent) -> PersonRow | None:
    match event.payload:
        case PersonRegistered(city=city, name=name):
            return {"id": id, "name": name, "former": [], "city": city, "said": [], "likes": 0}
        case PersonRenamed(name=name) if row is not None:
            return {**row, "name": name, "former": [*row["former"], row["name"]]}
        case Remarked() as remark if row is not None:
            said = [
                *row["said"],
                *([remark.own] if remark.own else []),
                *([remark.text] if remark.text else []),
            ]
            return {**row, "said": said, "likes": row["likes"] + remark.likes}
    return row


view = View(
    name="people",
    singular="person",
    context=context,
    row=PersonRow,
    key=by_stream,
    apply=_apply,
    filters=("name", "city", "likes"),
    orders=("name",),
)
