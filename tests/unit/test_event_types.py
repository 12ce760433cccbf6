"""Events keep what they were made of: classes, None, and values that BSON has in another form."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import bson
import pytest
from bson.decimal128 import Decimal128
from pydantic import ValidationError

from domain.kernel import Aggregate, Catalog, Cause, Context, CreateCommand, Event, Unreadable, Upcaster
from domain.kernel.errors import DeclarationError, UnfitValue
from domain.kernel.upcasting import upcast
from eventstore.mongo.driver import CODEC
from tests.helpers import invoices
from tests.helpers.invoices import DETAILS, Correct, Details, InvoiceCorrected, InvoiceWritten, Line, Money

CATALOG = Catalog([invoices.context])


def again(event: Event) -> Event:
    """The event as another process reads it."""
    stored = bson.decode(bson.encode(event.to_data()), CODEC)
    _, _, payload, unreadable = CATALOG.read(event.type, event.revision, stored)
    assert payload is not None, unreadable
    return payload


def invoice(**changes: object) -> InvoiceWritten:
    values = {"details": DETAILS, "nested": {"a": [DETAILS]}, "remark": "r", **changes}
    return InvoiceWritten.model_validate(values)


def test_a1_nested_values_come_back_as_declared():
    event = again(invoice(secret=DETAILS))
    assert isinstance(event, InvoiceWritten)
    assert event == invoice(secret=DETAILS)
    for details in (event.details, event.secret, event.nested["a"][0]):
        assert type(details) is Details
        assert type(details.lines[0]) is Line
        assert type(details.lines[0].price) is Money
        assert str(details.total) == "12.3400"
        assert details.span.start.year == 2024
        assert details.payment.kind == "transfer"


def test_a2_none_comes_back_where_none_is_not_the_default():
    event = invoice(remark=None, note=None)
    assert event.to_data()["remark"] is None
    assert event.to_data()["note"] is None
    assert "secret" not in event.to_data()
    read = again(event)
    assert isinstance(read, InvoiceWritten)
    assert (read.remark, read.note, read.secret) == (None, None, None)


def test_a2_what_was_stored_without_null_is_read_as_before():
    data = invoice().to_data()
    del data["remark"]
    read = InvoiceWritten.from_data(data)
    assert (read.remark, read.note) == (None, "x")


def test_a_datetime_is_kept_in_milliseconds_before_and_after_it_is_stored():
    event = InvoiceCorrected.model_validate({"when": "2024-01-01T01:00:00.123456+01:00"})
    stored = event.as_stored()
    assert stored == again(event)
    assert stored.when is not None
    assert stored.when.isoformat() == "2024-01-01T00:00:00.123000+00:00"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": float("inf")}, r"^InvoiceCorrected\.number: a number that is not finite"),
        ({"count": 2**63}, r"^InvoiceCorrected\.count: an integer has 64 bits at most"),
        ({"ratio": 10**40}, r"^InvoiceCorrected\.ratio: a decimal number has 34 digits"),
        ({"when": "2024-01-01T00:00:00"}, r"^InvoiceCorrected\.when: a datetime without a time zone"),
        ({"text": "\udcff"}, r"^InvoiceCorrected\.text: half of a surrogate pair"),
        (
            {"lines": [{"name": "a", "price": {"minor": 2**70}}]},
            r"^InvoiceCorrected\.lines\[0\]\.price\.minor: an integer has 64 bits",
        ),
    ],
)
def test_what_an_event_cannot_hold_is_named_with_class_and_field(changes: dict[str, object], message: str):
    with pytest.raises(UnfitValue, match=message):
        InvoiceCorrected.model_validate(changes).to_data()


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"number": float("nan")}, ("number",), "a number that is not finite"),
        ({"count": -(2**63) - 1}, ("count",), "an integer has 64 bits at most"),
        ({"amount": "1" * 35}, ("amount",), "a decimal number has 34 digits"),
        ({"when": "2024-01-01T00:00:00"}, ("when",), "a datetime without a time zone"),
        ({"when": "0001-01-01T00:00:00+05:00"}, ("when",), "before the year 1"),
        ({"text": "\ud800"}, ("text",), "half of a surrogate pair"),
        ({"counts": {"a\0": 1}}, ("counts",), "NUL"),
        ({"counts": {"a": 2**64}}, ("counts", "a"), "an integer has 64 bits at most"),
    ],
)
def test_a_command_refuses_what_no_event_can_hold(
    changes: dict[str, object], path: tuple[str, ...], message: str
):
    with pytest.raises(ValidationError) as refused:
        Correct.model_validate({"id": "invoice-1", **changes})
    (error,) = refused.value.errors()
    assert error["loc"] == path
    assert message in error["msg"]


def upcast_to(data: dict[str, object]) -> object:
    """What the catalog reads where an upcaster returns this data."""

    class Later(Event, type="invoice.written", revision=2):
        details: Details
        amount: Decimal
        grace: timedelta
        line: Line
        tags: frozenset[Money] = frozenset()
        remark: str | None

    step = Upcaster("invoice.written", 1, lambda _: data)
    return upcast(Later, [step], 1, {})


STORED_DETAILS = invoice().to_data()["details"]


@pytest.mark.parametrize(
    ("amount", "grace", "line", "tags"),
    [
        (Decimal128("1.50"), 60_000_000, {"name": "pen", "price": {"minor": 1}}, [{"minor": 1}]),
        (Decimal("1.50"), timedelta(minutes=1), Line(name="pen", price=Money(1)), {Money(1)}),
        (Decimal128("1.50"), timedelta(minutes=1), {"name": "pen", "price": Money(1)}, [Money(1)]),
    ],
    ids=["stored", "Python", "both"],
)
def test_an_upcaster_may_return_stored_or_python_values(
    amount: object, grace: object, line: object, tags: object
):
    data = {"details": STORED_DETAILS, "amount": amount, "grace": grace, "line": line, "tags": tags}
    payload = upcast_to(data)
    assert not isinstance(payload, Unreadable), payload
    assert vars(payload) == {
        "details": DETAILS,
        "amount": Decimal("1.50"),
        "grace": timedelta(minutes=1),
        "line": Line(name="pen", price=Money(1)),
        "tags": {Money(1)},
        "remark": None,
    }


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"amount": "1.50"}, "Later.amount: what is stored is no Decimal, but of class str"),
        ({"grace": 2.5}, "Later.grace: what is stored is no timedelta, but of class float"),
        ({"line": {"name": "pen"}}, "line.price: a value is required"),
        ({"line": 7}, "Later.line: what is stored is no Line, but of class int"),
        ({"other": 1}, "other: there is no such field"),
    ],
)
def test_what_an_upcaster_returns_wrongly_is_unreadable_with_its_field(wrong: dict[str, object], detail: str):
    right = {
        "details": STORED_DETAILS,
        "amount": Decimal(1),
        "grace": 1,
        "line": {"name": "a", "price": Money(1)},
    }
    payload = upcast_to({**right, **wrong})
    assert isinstance(payload, Unreadable)
    assert payload.cause is Cause.DOES_NOT_FIT
    assert detail in payload.detail


def test_a3_a_default_of_another_type_is_refused():
    from domain.kernel.types.record_checks import check_records

    class Priced(Event, type="invoice.priced"):
        price: float = "a lot"  # type: ignore[assignment]

    with pytest.raises(DeclarationError, match=r"Priced\.price has a default that is not of its type"):
        check_records(Priced)


def context_of(command: Any = None, event: Any = None, state: Any = str) -> Context:
    """A context whose command, event or state has a field of that type."""

    class Make(CreateCommand):
        """Make."""

        value: command or str  # type: ignore[valid-type]

    class Made(Event, type="thing.made"):
        value: event or str  # type: ignore[valid-type]

    generic: Any = Aggregate

    @dataclass(frozen=True)
    class Thing(generic[Make, Made]):  # type: ignore[misc]
        category: ClassVar[str] = "thing"
        value: state | None = None

        def decide(self, command: Any, facts: Any) -> Any:
            return []

        def evolve(self, event: Any) -> Any:
            return self

    return Context("things", Thing)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"command": Path}, r"^Make\.value: Path is not a type that can be stored; use"),
        ({"event": dict[int, str]}, r"^Made\.value: the keys of a dict are texts, not int; use str"),
        ({"event": list[complex]}, r"^Made\.value: complex is not a type"),
        ({"state": dict[int, str]}, r"^Thing\.value: the keys of a dict are texts, not int; use str"),
        ({"state": Any}, r"^Thing\.value: "),
    ],
)
def test_a3_a_context_is_refused_at_start_with_class_field_and_what_to_use(
    declared: dict[str, Any], message: str
):
    with pytest.raises(DeclarationError, match=message):
        Catalog([context_of(**declared)])


def test_a8_commands_events_and_states_may_have_the_same_types():
    for declared in (Details, Decimal, Money, frozenset[tuple[str, str]], dict[str, list[Line]]):
        Catalog([context_of(command=declared, event=declared, state=declared)])
