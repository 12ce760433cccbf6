"""Malformed requests on each transport: refused as a client's mistake, without a trace in the log.

`make faults ONLY=hostile.malformed` sends 10,000 of them on each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.malformed import TRANSPORTS
from tests.helpers.malformed_client import send_malformed
from tests.helpers.served_api import Served, serve

NUMBER = 300
SEED = 13


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(**own, max_batch=5, request_timeout=0.5, init_timeout=1.0) as running_api:
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_malformed_requests_are_refused_and_the_server_goes_on(
    served: Served, caplog: pytest.LogCaptureFixture, transport: str
) -> None:
    answers = await send_malformed(served.port, transport, NUMBER, SEED)
    assert answers.wrongs == []
    assert answers.answered > NUMBER / 2
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert served.get("/healthz").json() == {"alive": True}
