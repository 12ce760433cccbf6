"""I12: orders under kills of all that works on them, in short; `make faults ONLY=processes` does more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.order_kills import OrderKills, Size
from tests.helpers.fulfilment_runs import STYLES, Style

SIZE = Size(orders=12, strikes=3, workers=2, apis=1, members=1, silent=())


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_i12_orders_survive_kills_with_nothing_lost_or_done_twice(tmp_path: Path, style: Style) -> None:
    """Stock, payments and shipments balance, and every process has ended."""
    outcome = OrderKills(tmp_path, style, SIZE).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert outcome.statuses.keys() == {"CONFIRMED", "CANCELLED"}
