"""A context whose command, events and state have fields of every type in docs/types.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from domain.kernel import (
    Aggregate,
    Context,
    CreateCommand,
    Event,
    Facts,
    Identifier,
    Json,
    Moment,
    Personal,
    PutCommand,
)


class Currency(Enum):
    EURO = "EUR"
    YEN = "JPY"


class Urgency(IntEnum):
    LOW = 1
    HIGH = 2


class Channel(StrEnum):
    POST = "post"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Money:
    minor: int
    currency: Currency = Currency.EURO


class Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    price: Money
    rate: Decimal = Decimal("0.190")
    note: str | None = "x"


class Place(TypedDict):
    city: str
    floor: NotRequired[int]


class Span(NamedTuple):
    start: date
    end: date | None = None


class Card(BaseModel):
    kind: Literal["card"] = "card"
    digits: str


class Transfer(BaseModel):
    kind: Literal["transfer"] = "transfer"
    due: date


class Details(BaseModel):
    """What an invoice says; shared by the command and the event."""

    model_config = ConfigDict(frozen=True)

    lines: list[Line]
    total: Decimal
    due: date
    at: time
    grace: timedelta
    reference: UUID
    seal: bytes
    currency: Currency
    urgency: Urgency
    channel: Channel
    tone: Literal["plain", "formal"]
    place: Place
    span: Span
    payment: Card | Transfer
    tags: frozenset[tuple[str, str]]
    rates: dict[Currency, Decimal]
    parts: tuple[int, str]
    prices: tuple[Money, ...]
    more: Json
    issued: Moment


class WriteInvoice(CreateCommand):
    """Write an invoice."""

    details: Details
    remark: str | None
    note: str | None = "x"
    secret: Details | None = None


class Correct(PutCommand):
    """Correct what is said of an invoice."""

    id: Identifier
    text: str = ""
    number: float = 0.0
    count: int = 0
    amount: Decimal = Decimal(0)
    when: datetime | None = None
    counts: dict[str, int] = {}  # noqa: RUF012 (pydantic copies it)

    @property
    def target(self) -> str:
        return self.id


class InvoiceWritten(Event, type="invoice.written"):
    """An invoice was written."""

    details: Details
    nested: dict[str, list[Details]]
    remark: str | None
    note: str | None = "x"
    secret: Annotated[Details | None, Personal()] = None


class InvoiceCorrected(Event, type="invoice.corrected"):
    """An invoice was corrected; what it is given is made by a wrong author."""

    number: float = 0.0
    ratio: Decimal = Decimal(0)
    count: int = 0
    text: str = ""
    when: datetime | None = None
    lines: tuple[Line, ...] = ()


InvoiceEvent = InvoiceWritten | InvoiceCorrected

corrected: dict[str, Any] = {}
"""The fields that `decide` gives the next InvoiceCorrected."""


@dataclass(frozen=True, slots=True)
class Invoice(Aggregate[WriteInvoice | Correct, InvoiceEvent]):
    category: ClassVar[str] = "invoice"

    details: Details | None = None
    remark: str | None = "none yet"
    note: str | None = None
    when: datetime | None = None
    tags: frozenset[tuple[str, str]] = frozenset()
    rates: dict[Currency, Decimal] = field(default_factory=dict)
    corrections: int = 0

    def decide(self, command: WriteInvoice | Correct, facts: Facts) -> Sequence[InvoiceEvent]:
        if isinstance(command, Correct):
            return [InvoiceCorrected(**corrected)]
        details = command.details
        return [
            InvoiceWritten(
                details=details,
                nested={"all": [details, details]},
                remark=command.remark,
                note=command.note,
                secret=command.secret,
            )
        ]

    def evolve(self, event: InvoiceEvent) -> Invoice:
        if isinstance(event, InvoiceCorrected):
            return replace(self, when=event.when, corrections=self.corrections + 1)
        details = event.details
        return replace(
            self,
            details=details,
            remark=event.remark,
            note=event.note,
            tags=details.tags,
            rates=details.rates,
        )


context = Context("invoices", Invoice)

DETAILS = Details(
    lines=[
        Line(name="pen", price=Money(199)),
        Line(name="ink", price=Money(-(2**40), Currency.YEN), note=None),
    ],
    total=Decimal("12.3400"),
    due=date(2024, 2, 29),
    at=time(7, 5, 3, 20),
    grace=timedelta(days=-3, microseconds=1),
    reference=UUID("6f1d6f0c-7a0a-4a3b-9a55-0d8f3a1c2b4e"),
    seal=b"\0\xff",
    currency=Currency.YEN,
    urgency=Urgency.HIGH,
    channel=Channel.MAIL,
    tone="formal",
    place={"city": "Köln"},
    span=Span(date(2024, 1, 1)),
    payment=Transfer(due=date(2024, 3, 1)),
    tags=frozenset({("a", "b"), ("c", "d")}),
    rates={Currency.EURO: Decimal("0.190"), Currency.YEN: Decimal(0)},
    parts=(1, "x"),
    prices=(Money(1), Money(2, Currency.YEN)),
    more={"a.b": [None, 1.5, {"$c": True}]},
    issued=datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
)
