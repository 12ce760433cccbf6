"""When a patch can be applied after others have changed the document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from pydantic import JsonValue

from domain.documents.events import DocumentArchived, DocumentPatched, DocumentRenamed, field_value
from domain.documents.json_patch import changed_paths, read_steps
from domain.documents.json_pointer import Path
from domain.kernel import Event

EVERYTHING: Path = ()


class Patching(Protocol):
    """A command with a JSON merge patch, or with a JSON Patch, which is a list."""

    @property
    def patch(self) -> JsonValue: ...


P = TypeVar("P", bound=Patching)


def merge(command: P, since: Sequence[Event]) -> P | None:
    """If others have changed only other members since, all changes are kept; else CONCURRENCY_CONFLICT."""
    theirs = [path for event in since for path in changed(event)]
    patch = command.patch
    mine = list(changed_paths(read_steps(patch)) if isinstance(patch, list) else members(patch))
    return None if any(_meet(one, other) for one in mine for other in theirs) else command


def changed(event: Event) -> Iterator[Path]:
    """The members of the content that an event changed."""
    match event:
        case DocumentRenamed() | DocumentArchived():
            pass
        case DocumentPatched():
            yield from members(field_value(event, "patch"))
        case _:
            yield EVERYTHING


def members(patch: JsonValue, path: Path = EVERYTHING) -> Iterator[Path]:
    """The members that a merge patch sets or removes."""
    if isinstance(patch, dict) and patch:
        for name, value in patch.items():
            yield from members(value, (*path, name))
    else:
        yield path


def _meet(one: Path, other: Path) -> bool:
    """Whether one of the members is the other, or in it."""
    common = min(len(one), len(other))
    return one[:common] == other[:common]
