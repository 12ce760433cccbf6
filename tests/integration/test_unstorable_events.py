"""An event that cannot be stored is its author's fault, found before anything is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.kernel import Catalog
from domain.kernel.errors import ContextFault
from tests.helpers import invoices
from tests.helpers.invoices import DETAILS, Correct, Line, Money, WriteInvoice
from tests.helpers.wired_bus import Wired, wired

CATALOG = Catalog([invoices.context])
UNPRICED: Any = {"name": "a"}


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database, catalog=CATALOG) as parts:
        yield parts


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"number": float("inf")}, "number: a number that is not finite"),
        ({"count": 2**63}, "count: an integer has 64 bits"),
        ({"ratio": Decimal("1" * 35)}, "ratio: a decimal number has 34 digits"),
        ({"text": "\ud800"}, "text: half of a surrogate pair"),
        ({"when": datetime(2024, 1, 1)}, "when: a datetime without a time zone"),
        ({"lines": (Line(name="a", price=Money("1")),)}, r"lines\[0\]\.price\.minor: expected an integer"),  # type: ignore[arg-type]
        ({"lines": (Line.model_construct(**UNPRICED),)}, r"lines\[0\]\.price: the field is missing"),
    ],
)
async def test_what_decide_returns_and_cannot_be_stored_is_named_with_class_and_field(
    nerve: Wired, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], place: str
) -> None:
    monkeypatch.setattr(invoices, "corrected", fields)
    with pytest.raises(ContextFault, match=rf"Invoice\.decide returned an event .*InvoiceCorrected\.{place}"):
        await nerve.send(Correct(id="invoice-1"))
    assert await nerve.events() == []
    monkeypatch.setattr(invoices, "corrected", {})
    assert (await nerve.send(Correct(id="invoice-1"))).version == 1


async def test_a1_a_restarted_process_decides_on_the_state_that_the_first_had(
    nerve: Wired, mongo_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nerve.send(WriteInvoice(id="invoice-1", details=DETAILS, remark=None))
    async with wired(mongo_url, database, catalog=CATALOG) as restarted:
        monkeypatch.setattr(invoices, "corrected", {"lines": tuple(DETAILS.lines), "ratio": Decimal("1.0")})
        assert (await restarted.send(Correct(id="invoice-1"))).version == 2
        first, second = await restarted.events()
    assert first.payload == invoices.InvoiceWritten(
        details=DETAILS, nested={"all": [DETAILS, DETAILS]}, remark=None
    )
    assert second.payload == invoices.InvoiceCorrected(lines=tuple(DETAILS.lines), ratio=Decimal("1.0"))
