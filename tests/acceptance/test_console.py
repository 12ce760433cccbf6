"""The console in a real browser: an empty log, one entity explained, the tail of events, and the views."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.acceptance.clients.programs import PACKAGE, build_pages, node_with_clients, run_in_browser
from tests.helpers.served_api import Served, serve

DEADLINE = 120.0


@pytest.fixture
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API with a worker beside it, and an empty log."""
    database = f"test_{uuid4().hex}"
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database) as running_api:
        yield running_api
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.browser
def test_the_console_explains_and_follows_what_happens(served: Served, tmp_path: Path) -> None:
    """By mouse and keyboard: from an id to a version, to why, to its trace; the tail misses nothing."""
    build_pages()
    plan = {"base": f"http://127.0.0.1:{served.port}", "folder": str(tmp_path)}
    seen = run_in_browser("walk", plan)
    assert seen["problems"] == []
    assert {urlsplit(url).hostname for url in seen["requests"] if not url.startswith("data:")} == {
        "127.0.0.1"
    }
    # Markup and signs that reorder text are shown as they are.
    assert "<img src=x onerror=" in seen["title"]
    assert "⟨U+202E⟩gnihtyreve" in seen["title"]
    assert seen["documentTitle"] == "task-none · nerve"
    assert "version=3" in seen["version"]
    assert "task.started" in seen["why"]
    assert (seen["paused"], seen["disconnected"], seen["resumed"]) == (1, 2, 3)
    assert seen["filtered"] == "#/watch?types=task.started"


def test_the_types_of_the_operations_fit_the_schema() -> None:
    """They are generated and committed, so that a build of the console needs no schema."""
    command = [node_with_clients(), "console-types.mjs", "--check"]
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(command, cwd=PACKAGE, check=True, timeout=DEADLINE, env=environment)
