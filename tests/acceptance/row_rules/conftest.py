"""Papers served to two callers, each of whom may read papers that the other may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.paper_api import PaperApi, Reader, serve_papers
from tests.helpers.served_api import Served
from tests.helpers.token_access import Tokens


@pytest.fixture(scope="module")
def running(mongo_url: str, redis_url: str) -> Iterator[tuple[Served, Tokens]]:
    with serve_papers(mongo_url, redis_url) as running:
        yield running


@pytest.fixture
def api(running: tuple[Served, Tokens]) -> PaperApi:
    return PaperApi(*running)


@pytest.fixture
def ann(api: PaperApi) -> Reader:
    return api.reader("ann")


@pytest.fixture
def bob(api: PaperApi) -> Reader:
    return api.reader("bob")
