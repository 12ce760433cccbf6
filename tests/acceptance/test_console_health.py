"""Health in a browser: from a lag to its reason and its end; the map of contexts, and saved filters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.acceptance.clients.programs import browser_program, build_pages
from tests.helpers.served_api import serve


@pytest.mark.browser
def test_a_view_that_lags_is_found_explained_and_mended(
    mongo_url: str, redis_url: str, tmp_path: Path
) -> None:
    """An API without a worker has an empty log; a worker starts once the page has shown why a view lags."""
    build_pages()
    database = f"test_{uuid4().hex}"
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(worker=False, **servers) as api:
        plan = {"base": f"http://127.0.0.1:{api.port}", "folder": str(tmp_path)}
        with browser_program("health", plan) as read:
            before = read()
            with serve(worker=True, **servers):
                seen = read()
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)
    assert seen["problems"] == []
    assert {page: texts for page, texts in seen["violations"].items() if texts} == {}
    assert seen["created"]["createTask"]["receipt"]["version"] == 1
    assert "no worker" in before["lag"]
    assert seen["link"] == "#/health?view=tasks"
    assert "nerve worker" in seen["remedy"]
    assert seen["earlier"] == "58"
    assert re.search(r": tasks [01]\b", seen["plot"])
    assert seen["table"] == 61
    assert seen["command"].split("\t")[2:5] == ["1", "0", "0"]
    assert seen["filter"] == "#/watch?types=task.created"
