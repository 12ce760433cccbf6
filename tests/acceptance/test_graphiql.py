"""GraphiQL in a real browser that can reach nothing but nerve."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.clients.programs import PACKAGE, build_pages, node_with_clients, require
from tests.helpers.served_api import Served

DEADLINE = 120.0


@pytest.fixture(scope="module")
def console() -> None:
    """GraphiQL, built from its sources as they are."""
    build_pages()


@pytest.mark.browser
@pytest.mark.usefixtures("console")
def test_graphiql_runs_a_mutation_and_shows_it_live_in_a_second_window_with_no_network(
    served: Served, tmp_path: Path
) -> None:
    nerve_url = f"http://127.0.0.1:{served.port}"
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        seen = _browse(nerve_url, f"http://127.0.0.1:{elsewhere.getsockname()[1]}/", tmp_path)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            elsewhere.accept()
    nerve = urlsplit(nerve_url).netloc
    assert "TypeError: Failed to fetch" in seen["elsewhere"]
    assert {urlsplit(url).netloc for url in seen["requests"] if not url.startswith("data:")} == {nerve}
    assert seen["sockets"] == [f"ws://{nerve}/graphql"]
    assert seen["inits"] == [{"headers": {"x-window": "the live one"}}]
    assert seen["problems"] == []
    assert seen["violations"] == []
    assert '"id": "task-' in seen["created"]
    assert "Read the incident report" in seen["live"]
    assert (tmp_path / "live.png").stat().st_size > 10_000


def _browse(nerve: str, elsewhere: str, folder: Path) -> dict[str, Any]:
    chromium = require("chromium", "chromium-browser", "google-chrome")
    command = [node_with_clients(), "browser.mjs", chromium, nerve, elsewhere, str(folder)]
    done = subprocess.run(
        command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=True
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
