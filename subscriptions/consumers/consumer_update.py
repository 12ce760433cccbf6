"""Changes of the generations of a consumer, as updates of its document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.kernel.errors import NotFound
from subscriptions.consumers.state import ConsumerState, Generation, GenerationState

SLOTS = 3
"""Most generations of a consumer: one that is kept, the active one, and one that is being built.

No two of them have the same remainder by it, so what each makes has a place of its own.
"""


MAX_RETIRED = 50
"""Most codes of former generations that are kept, the latest ones."""

GenerationOutput = Mapping[str, str]
"""Describes what a generation makes: see `Generation.output`."""


class ConsumerUpdate(NamedTuple):
    """What an update sets and removes. `date` are fields that are set to the server's time.

    `retire` are codes that no longer count as new: see `ConsumerState.retired`.
    """

    set: Mapping[str, Any]
    unset: Sequence[str] = ()
    date: Sequence[str] = ()
    inc: Sequence[str] = ()
    retire: Sequence[str] = ()

    def to_document(self) -> dict[str, Any]:
        """Return the update for MongoDB, which also raises the revision."""
        retired = {"$each": self.retire, "$slice": -MAX_RETIRED}
        return {
            **({"$set": self.set} if self.set else {}),
            **({"$unset": dict.fromkeys(self.unset, "")} if self.unset else {}),
            **({"$currentDate": dict.fromkeys(self.date, True)} if self.date else {}),
            **({"$push": {"retired": retired}} if self.retire else {}),
            "$inc": dict.fromkeys(("revision", *self.inc), 1),
        }


def new_generation(
    number: int,
    state: GenerationState,
    code: str,
    partitions: int,
    output: GenerationOutput | None,
    position: int = 0,
) -> ConsumerUpdate:
    """Return the update that adds a generation, which begins after `position`."""
    path = generation_path(number)
    shares = {str(index): {"position": position, "epoch": 0} for index in range(partitions)}
    generation: dict[str, Any] = {"state": state.value, "code": code, "partitions": shares}
    if output is not None:
        generation["output"] = dict(output)
    added = {f"{path}.{name}": value for name, value in generation.items()}
    return ConsumerUpdate({"last": number, **added}, date=[f"{path}.begun_at"])


def next_number(state: ConsumerState) -> int:
    """Return the number of the next generation: one whose place is not that of the active one."""
    number = state.last + 1
    if state.active is not None and (number - state.active) % SLOTS == 0:
        return number + 1
    return number


def generation_path(number: int) -> str:
    """Return the path of a generation in the document."""
    return f"generations.{number}"


def find_generation(state: ConsumerState, number: int) -> Generation:
    """Return a generation. Raises NotFound."""
    if number not in state.generations:
        raise NotFound(f"{state.consumer} has no generation {number}")
    return state.generations[number]
