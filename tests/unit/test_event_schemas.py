"""The schemas that are kept with the contexts, and what is stored of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import bson
import pytest
from bson.codec_options import CodecOptions
from pydantic import BaseModel, Field, create_model

from domain.kernel import Aggregate, Catalog, Context, Event, Json, Upcaster
from domain.kernel.errors import ConfigurationError, DeclarationError
from domain.testing import NOON
from eventstore.integrity import event_schemas
from eventstore.integrity.event_schemas import (
    EventSchemas,
    schema_problems,
    write_schemas,
)
from tests.helpers import letters

IN_UTC: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Part(BaseModel):
    size: int


class Kept(Event, type="letter.kept"):
    """An event as it was when its schema was written."""

    title: str
    size: int
    speed: Literal["SLOW", "FAST"]
    part: Part
    tags: list[str] = Field([])
    note: Annotated[str, Field(max_length=9)] | None = None
    due: datetime | None = None
    more: Json | None = None


def with_unit(default: Any) -> type[BaseModel]:
    """`Part` with a new field."""
    return create_model("Part", size=(int, ...), unit=(str, default))


NARROWER: list[tuple[dict[str, Any], str]] = [
    ({"title": None}, "'title' is gone"),
    ({"note": (str | None, "x")}, "'note' was null by default, which was not stored"),
    ({"author": (str, ...)}, "'author' must be there now"),
    ({"title": (Annotated[str, Field(min_length=1)], ...)}, "'title' allows less than before"),
    ({"size": (str, ...)}, "'size' allows less than before"),
    ({"speed": (Literal["SLOW"], ...)}, "'speed' allows less than before"),
    ({"note": (Annotated[str, Field(max_length=8)] | None, None)}, "'note' allows less than before"),
    ({"due": (datetime, NOON)}, "'due' allows less than before"),
    ({"more": (list[Json] | None, None)}, "'more' allows less than before"),
    (
        {"part": (create_model("Part", size=(int, ...), unit=(str, ...)), ...)},
        "'part' allows less than before",
    ),
]
WIDER: list[dict[str, Any]] = [
    {"author": (str, "nobody")},
    {"title": (str | None, ...)},
    {"size": (float, ...)},
    {"speed": (Literal["SLOW", "FAST", "EXPRESS"], ...)},
    {"note": (str | None, None)},
    {"note": (str | None, ...)},
    {"part": (with_unit("mm"), ...)},
    {"tags": (list[str | None], [])},
]


def changed(changes: Mapping[str, Any], revision: int = 1) -> type[Event]:
    """`Kept` with other fields, each with its type and default; None takes one away."""
    kept: dict[str, Any] = {name: (field.annotation, field) for name, field in Kept.model_fields.items()}
    fields = kept | dict(changes)
    body: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for name, field in fields.items():
        if field is not None:
            body["__annotations__"][name] = field[0]
            if field[1] is not ...:
                body[name] = field[1]
    make: Any = type(Event)
    made: type[Event] = make("Kept", (Event,), body, type=Kept.type, revision=revision)
    return made


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the schemas of `catalog_of`."""
    folder = tmp_path / "schemas"
    monkeypatch.setattr(event_schemas, "folder", lambda context: folder)
    return folder


def catalog_of(*events: type[Event], upcasters: tuple[Upcaster, ...] = ()) -> Catalog:
    """A context of these events."""
    generic: Any = Aggregate
    base = generic[letters.Send, reduce(or_, events)]
    aggregate: Any = type("Kind", (letters.Letter,), {"__orig_bases__": (base,)})
    return Catalog([Context("kinds", aggregate, upcasters)])


@pytest.mark.parametrize(("changes", "message"), NARROWER, ids=[message for _, message in NARROWER])
def test_a_change_that_would_not_read_what_was_stored_needs_a_new_revision(
    own_folder: Path, changes: dict[str, Any], message: str
):
    write_schemas(catalog_of(Kept))
    before = {path: path.read_bytes() for path in own_folder.iterdir()}
    narrower = catalog_of(changed(changes))
    (problem,) = schema_problems(narrower)
    assert message in problem
    assert "Declare it with revision=2 and an upcaster from 1" in problem
    with pytest.raises(DeclarationError, match=message):
        write_schemas(narrower)
    assert {path: path.read_bytes() for path in own_folder.iterdir()} == before


class Optional(BaseModel):
    note: str | None = None


OTHER_STORED_FORM: list[tuple[Any, Any]] = [
    (Decimal, str),
    (str, Decimal),
    (datetime, str),
    (timedelta, str),
    (timedelta, Decimal),
    (bytes, str),
    (int, Decimal),
    (str, date),
    (str, UUID),
    (list[Decimal], list[str]),
    (Optional, create_model("Optional", note=(str | None, "x"))),
]
SAME_STORED_FORM: list[tuple[Any, Any]] = [
    (Decimal, Decimal | None),
    (date, str),
    (UUID, str),
    (list[int], set[int]),
    (set[Decimal], list[Decimal]),
    (int, float),
    (Optional, create_model("Optional", note=(str | None, ...))),
]


@pytest.mark.parametrize(("before", "after"), OTHER_STORED_FORM, ids=range(len(OTHER_STORED_FORM)))
def test_a_type_that_is_stored_otherwise_needs_a_new_revision(own_folder: Path, before: Any, after: Any):
    write_schemas(catalog_of(changed({"more": (before, ...)})))
    (problem,) = schema_problems(catalog_of(changed({"more": (after, ...)})))
    assert "Declare it with revision=2" in problem


@pytest.mark.parametrize(("before", "after"), SAME_STORED_FORM, ids=range(len(SAME_STORED_FORM)))
def test_a_type_that_reads_what_another_stored_needs_only_its_schema(
    own_folder: Path, before: Any, after: Any
):
    write_schemas(catalog_of(changed({"more": (before, ...)})))
    wider = catalog_of(changed({"more": (after, ...)}))
    write_schemas(wider)
    assert schema_problems(wider) == []


@pytest.mark.parametrize("changes", WIDER, ids=[",".join(changes) for changes in WIDER])
def test_a_change_that_reads_all_that_was_stored_needs_only_its_schema(
    own_folder: Path, changes: dict[str, Any]
):
    write_schemas(catalog_of(Kept))
    wider = catalog_of(changed(changes))
    assert schema_problems(wider) == [
        "letter.kept of revision 1 is not as its schema says any more; run `nerve schema events`"
    ]
    assert [path.name for path in write_schemas(wider)] == ["letter.kept.1.json"]
    assert (schema_problems(wider), write_schemas(wider)) == ([], [])


def test_a_new_revision_needs_its_schema_and_keeps_the_old_one(own_folder: Path):
    write_schemas(catalog_of(Kept))
    step = Upcaster(Kept.type, 1, lambda data: data)
    newer = catalog_of(changed({"title": None}, revision=2), upcasters=(step,))
    assert schema_problems(newer) == [
        "letter.kept of revision 2 has no schema yet; run `nerve schema events`"
    ]
    write_schemas(newer)
    assert schema_problems(newer) == []
    (own_folder / "letter.kept.1.json").unlink()
    (problem,) = schema_problems(newer)
    assert problem.startswith("there is no file with the schema of letter.kept of revision 1")


def test_no_file_of_an_earlier_revision_is_demanded_where_the_type_has_none(own_folder: Path):
    write_schemas(catalog_of(letters.Opened))
    step = Upcaster(Kept.type, 1, lambda data: data)
    newer = catalog_of(changed({}, revision=2), letters.Opened, upcasters=(step,))
    assert schema_problems(newer) == [
        "letter.kept of revision 2 has no schema yet; run `nerve schema events`"
    ]


def test_a_schema_without_its_event_tells_that_what_is_stored_cannot_be_read(own_folder: Path):
    step = Upcaster(Kept.type, 1, lambda data: data)
    write_schemas(catalog_of(changed({}, revision=2), letters.Opened, upcasters=(step,)))
    assert [*schema_problems(catalog_of(Kept))] == [
        "letter.kept of revision 1 has no schema yet; run `nerve schema events`",
        "there is a schema of letter.kept of revision 2, but Kept is at revision 1",
        "there is a schema of letter.opened of revision 1, but no such event; "
        "what is stored of it cannot be read",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [("letter.kept.1.json", "{"), ("letter.kept.1.json", '{"type": "strin"}'), ("letter.kept.json", "{}")],
)
def test_a_file_that_is_no_schema_is_named(own_folder: Path, name: str, text: str):
    own_folder.mkdir()
    (own_folder / name).write_text(text)
    with pytest.raises(ConfigurationError, match=rf"{name} is no schema of an event"):
        schema_problems(catalog_of(Kept))


FITTING = {
    "title": "a",
    "size": 1,
    "speed": "FAST",
    "part": {"size": 2},
    "due": NOON,
    "more": {"a": [None, 1]},
}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"title": 7}, 'title: it is not of type "string"'),
    ({"title": None}, "title: it is not of type"),
    ({"due": "2024-01-01T00:00:00Z"}, "due: it is not valid"),
    ({"title": NOON}, "title: it is not of type"),
    ({"part": {"size": "2"}}, "part.size: it is not of type"),
    ({"part": {}}, 'part: "size" is a required property'),
    ({"size": 1.5}, "size: it is not of type"),
    ({"extra": 1}, "'extra' was unexpected"),
    ({"speed": "Ada Lovelace"}, "speed: it is not one of"),
]


def test_what_is_stored_meets_its_schema(own_folder: Path):
    check = EventSchemas(catalog_of(Kept))
    assert check.violation("letter.kept", 1, bson.decode(bson.encode(FITTING), IN_UTC)) is None
    assert check.violation("letter.kept", 1, {**FITTING, "size": bson.Int64(2**40)}) is None


@pytest.mark.parametrize(("wrong", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_what_does_not_meet_its_schema_is_told_without_the_data(
    own_folder: Path, wrong: dict[str, Any], problem: str
):
    violation = EventSchemas(catalog_of(Kept)).violation("letter.kept", 1, {**FITTING, **wrong})
    assert violation is not None
    assert problem in violation
    assert "Ada" not in violation


def test_a_field_that_is_stored_elsewhere_may_be_missing_if_it_allows_none(own_folder: Path):
    check = EventSchemas(catalog_of(changed({"title": (str | None, ...)})))
    data = {name: value for name, value in FITTING.items() if name != "title"}
    assert check.violation("letter.kept", 1, data) is None
    assert check.violation("letter.kept", 1, data, absent=["title"]) is None
    assert check.violation("letter.kept", 1, data, absent=["title", "size"]) is None
    assert EventSchemas(catalog_of(Kept)).violation("letter.kept", 1, data, absent=["title"]) is not None


@pytest.mark.parametrize("shape", [("letter.burnt", 1), ("letter.kept", 2), ("letter.kept", 0)])
def test_an_event_without_a_schema_is_told(own_folder: Path, shape: tuple[str, int]):
    problem = EventSchemas(catalog_of(Kept)).violation(*shape, {})
    assert problem == f"there is no schema of {shape[0]} of revision {shape[1]}"
