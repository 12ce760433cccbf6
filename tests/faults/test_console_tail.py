"""The tail of the console under load, in short; `make faults ONLY=console` does more, and measures clicks."""

from __future__ import annotations

from typing import Any

import pytest

from api.settings import Settings
from tests.faults.console_tail import ConsoleTail
from tests.helpers.served_api import serve


@pytest.mark.browser
def test_the_tail_of_the_console_loses_none_of_a_thousand_events_a_second(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Also while it is paused and resumed; each row has the place that its event has in the log."""
    settings: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(worker=False, **settings) as served:
        outcome = ConsoleTail(f"http://127.0.0.1:{served.port}", Settings(**settings), seconds=2).run()
    assert outcome.wrongs == []
    assert outcome.rows > 10
