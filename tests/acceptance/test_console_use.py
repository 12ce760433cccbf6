"""How the console is used, and what it does with bad input: in a browser, on real and on made-up servers."""

from __future__ import annotations

import gzip
import re

import pytest

from api.console import STATIC
from tests.acceptance.clients.programs import build_pages, run_in_browser
from tests.helpers.served_api import Served

SCRIPT = 350_000
"""Bytes of compressed scripts that the console may have."""
ELEMENTS = 3_000
"""Elements of a page, however much there is to show."""
USABLE = 2_000.0
"""Milliseconds within which a page that shows much opens and closes its search box, on a busy machine."""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("pages")]


@pytest.fixture(scope="module")
def pages() -> None:
    """The console, built from its sources as they are."""
    build_pages()


def _started_task(served: Served) -> str:
    """Return a task that an agent has started, in its third version."""
    agent = served.do("registerAgent", name="reader")["stream"]
    task: str = served.do("createTask", title="Read the log")["stream"]
    served.do("assignTask", id=task, agentId=agent)
    served.do("startTask", id=task)
    return task


def test_the_reason_of_a_status_is_reached_by_mouse_alone_and_by_keyboard_alone(served: Served) -> None:
    """From the task to the version, to the reason, to the request, and back."""
    task = _started_task(served)
    served.do("completeTask", id=task)
    seen = run_in_browser("paths", {"base": f"http://127.0.0.1:{served.port}", "task": task})
    assert seen["problems"] == []
    for reason in (seen["mouse"], seen["keyboard"]):
        assert "task.started" in reason
        assert "StartTask" in reason
    assert seen["tabs"] < 100


def test_nothing_is_live_while_the_server_is_gone_and_nothing_is_missing_afterwards(served: Served) -> None:
    """It is away for five minutes by the clock of the page, and a command is stored in that time."""
    task = _started_task(served)
    seen = run_in_browser("connection", {"port": served.port, "task": task})
    assert seen["problems"] == []
    assert seen["isSinceKept"]
    assert seen["away"].keys() == {"watch", "entity", "", "processes", "health", "trace"}
    assert all(page == {"live": 0, "isSaid": True} for page in seen["away"].values()), seen["away"]
    assert seen["tail"] == ["task.created", "task.assigned", "task.started", "task.completed"]
    # A subscription that the server ends at its first read is begun again.
    assert seen["subscriptions"] == 3


def test_markup_and_text_that_reorders_its_surroundings_is_shown_as_text() -> None:
    """In every field of every page, on a wide screen and on a phone; axe finds no violation."""
    seen = run_in_browser("hostile-text", {})
    assert seen == {"findings": [], "problems": []}


def test_a_page_stays_usable_however_much_it_shows() -> None:
    """100,000 events in a stream, a trace and a run; 20,000 in the tail; a row of a megabyte."""
    seen = run_in_browser("sizes", {})
    assert seen["problems"] == []
    assert [each["what"] for each in seen["seen"]] == ["stream", "row", "whole text", "trace", "run", "tail"]
    for each in seen["seen"]:
        assert each["elements"] < ELEMENTS, each
        assert each["milliseconds"] < USABLE, each


def test_the_scripts_of_the_console_are_small() -> None:
    """All that its page loads, compressed; the editor of GraphiQL is not among them."""
    page = (STATIC / "console.html").read_text()
    scripts = set(re.findall(r'"\./(assets/[\w.-]+\.js)"', page))
    reached = {path: (STATIC / path).read_bytes() for path in _with_imports(scripts)}
    assert sum(len(gzip.compress(script)) for script in reached.values()) < SCRIPT
    assert not any("monaco" in path for path in reached)


def _with_imports(scripts: set[str]) -> set[str]:
    """Return the scripts and those that they import, also later."""
    reached, waiting = set[str](), list(scripts)
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            text = (STATIC / path).read_text()
            waiting += [f"assets/{name}" for name in re.findall(r"""["'`]\./([\w.-]+\.js)["'`]""", text)]
    return reached
