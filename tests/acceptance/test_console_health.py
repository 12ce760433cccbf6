"""Health in a browser: from a lag to its reason and its end; the map of contexts, and saved filters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from api.settings import Settings
from tests.acceptance.clients.programs import browser_program, build_pages
from tests.helpers.fragile_context import BAD, Bug
from tests.helpers.served_api import serve


@pytest.mark.browser
def test_a_view_that_lags_is_found_explained_and_mended(
    mongo_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Over no worker, an event that it cannot apply, a retry, and a rebuild that is held and switched to."""
    build_pages()
    database = f"test_{uuid4().hex}"
    servers: dict[str, Any] = {
        "mongo_url": mongo_url,
        "redis_url": redis_url,
        "database": database,
        "contexts": (*Settings.model_fields["contexts"].default, "tests.helpers.fragile_context"),
    }
    with serve(worker=False, **servers) as api:
        plan = {"base": f"http://127.0.0.1:{api.port}", "folder": str(tmp_path)}
        with browser_program("health", plan) as read:
            before = read()
            with serve(worker=True, **servers):
                for name, has_bug in (("corrected", False), ("regressed", True), ("mended", False)):
                    assert read() == {"wanted": name}
                    monkeypatch.setattr(Bug, "there", has_bug)
                    api.do("addItem", name=name)
                seen = read()
                names = [row["name"] for row in api.ask("{ items { nodes { name } } }")["items"]["nodes"]]
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)
    check(before, seen)
    assert set(names) == {BAD, "corrected", "regressed", "mended"}


def check(before: dict[str, Any], seen: dict[str, Any]) -> None:
    assert seen["problems"] == []
    assert {page: texts for page, texts in seen["violations"].items() if texts} == {}
    assert seen["created"]["createTask"]["receipt"]["version"] == 1
    assert "no worker" in before["lag"]
    assert seen["link"] == "#/health?view=tasks"
    assert "nerve worker" in seen["remedy"]
    assert "PARKED" in seen["parked"]
    assert "lack something" in seen["held"]
    assert seen["generations"] == ["2 active"]
    assert seen["earlier"] == "58"
    assert re.search(r": tasks [0-2]\b", seen["plot"])
    assert seen["table"] == 61
    assert seen["command"].split("\t")[2:5] == ["1", "0", "0"]
    assert seen["filter"] == "#/watch?types=task.created"
