"""Which fields are personal, whose they are, and what a wrong declaration is told at start-up."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from domain.kernel import Catalog, Event, Identifier, Json, Personal, Refers, Text
from domain.kernel.errors import DeclarationError, ValidationFailed
from domain.kernel.event import NewEvent
from domain.kernel.personal import holds_personal_data, personal_fields, split_personal
from tests.helpers import notes, people


class Signed(Event, type="form.signed"):
    place: str
    by_id: Annotated[Identifier, Refers("person")]
    for_id: Identifier | None = None
    name: Annotated[Text | None, Personal("by_id")] = None
    details: Annotated[Json | None, Personal("by_id")] = None
    comment: Annotated[Text | None, Personal("for_id")] = None
    note: Annotated[str | None, Personal()] = None


def test_a_personal_field_is_of_the_stream_or_of_the_subject_that_another_field_names() -> None:
    expected = {"name": "by_id", "details": "by_id", "comment": "for_id", "note": None}
    assert personal_fields(Signed) == expected
    signed = Signed(
        place="here",
        by_id="person-1",
        for_id="person-2",
        name="a",
        details={"b": None},
        comment="c",
        note="d",
    )
    data, personal = split_personal(NewEvent("evt-1", signed), "form-1")
    assert data == {"place": "here", "by_id": "person-1", "for_id": "person-2"}
    assert personal == {
        "person-1": {"name": "a", "details": {"b": None}},
        "person-2": {"comment": "c"},
        "form-1": {"note": "d"},
    }


def test_what_is_not_there_needs_no_subject() -> None:
    assert split_personal(NewEvent("evt-1", Signed(place="here", by_id="person-1")), "form-1") == (
        {"place": "here", "by_id": "person-1"},
        {},
    )


def test_a_value_whose_subject_is_not_named_is_refused_without_telling_the_value() -> None:
    with pytest.raises(ValidationFailed, match="for_id does not say whose") as refused:
        split_personal(NewEvent("evt-1", Signed(place="here", by_id="person-1", comment="marker")), "form-1")
    assert refused.value.path == ("comment",)
    assert "marker" not in str(refused.value)


class Inner(BaseModel):
    name: Annotated[str | None, Personal()] = None


class Nested(Event, type="form.nested"):
    inner: tuple[Inner, ...] = ()


class Misplaced(Event, type="form.misplaced"):
    name: Annotated[str, Personal()] | None = None


class Required(Event, type="form.required"):
    name: Annotated[str | None, Personal()]


class NeverNone(Event, type="form.nevernone"):
    name: Annotated[str, Personal()] = ""


class Nameless(Event, type="form.nameless"):
    name: Annotated[str | None, Personal("who")] = None


class NoIdentifier(Event, type="form.noidentifier"):
    who: str
    name: Annotated[str | None, Personal("who")] = None


class HiddenSubject(Event, type="form.hidden"):
    who: Annotated[Identifier | None, Personal()] = None
    name: Annotated[str | None, Personal("who")] = None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Nested, "Nested.inner: Personal.. marks a whole field"),
        (Misplaced, "Misplaced.name: Personal.. marks a whole field"),
        (Required, "must allow None and have it as its default"),
        (NeverNone, "must allow None and have it as its default"),
        (Nameless, "'who', which must be a field of the type Identifier"),
        (NoIdentifier, "'who', which must be a field of the type Identifier"),
        (HiddenSubject, "and not be personal"),
    ],
)
def test_a_field_that_could_not_be_sealed_is_refused(event: type[Event], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        personal_fields(event)


def test_the_catalog_looks_at_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(people.context), "events", (people.PersonRenamed, Required))
    with pytest.raises(DeclarationError, match=r"Required\.name"):
        Catalog([people.context])


def test_an_aggregate_holds_personal_data_where_one_of_its_events_does() -> None:
    assert holds_personal_data(people.Person)
    assert not holds_personal_data(notes.Note)


def test_what_is_wrong_with_an_event_or_a_command_is_told_without_its_values() -> None:
    for model in (people.PersonRenamed, people.RenamePerson):
        with pytest.raises(ValidationError) as refused:
            model.model_validate({"id": "person-1", "name": {"marker": "plain text"}})
        assert "plain text" not in str(refused.value)
        assert "name" in str(refused.value)
