"""C5: the browser's EventSource connects again by itself, and resumes by `Last-Event-ID`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.clients.programs import PACKAGE, node_with_clients, require
from tests.acceptance.clients.proxy import CuttingProxy
from tests.helpers.served_api import Served
from tests.helpers.stream_responses import SSE

PATIENCE = 60.0
CUTS = 2
"""The browser waits three seconds after each; the second one is after a resume."""

EVENTS = "subscription { events { __typename ... on Event { id } ... on Message { position } } }"
AGENTS = """subscription { agents { __typename
  ... on AgentsSnapshot { agents { name } } ... on AgentChanged { kind agent { name } } } }"""
COMMAND = "subscription { command(id: %s) { __typename ... on CommandProjected { view } } }"


@contextmanager
def source(served: Served, query: str, last: str | None = None, **other: Any) -> Iterator[Messages]:
    """What EventSource does: a plain GET, and the last id in a header when it connects again."""
    headers = {"accept": SSE} | ({} if last is None else {"last-event-id": last})
    method, request = ("POST", {"json": other["json"]}) if "json" in other else ("GET", {})
    url = "/graphql" if "json" in other else f"/graphql?query={quote(query)}"
    with served.http.stream(method, url, headers=headers, **request) as response:
        yield Messages(response)


class Messages:
    """The messages of a stream, with their ids."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.status_code == 200, response.read()
        self._lines = response.iter_lines()

    def next(self) -> tuple[Any, str | None]:
        """The next message's only field, and its id."""
        position, beats = None, 0
        for line in self._lines:
            beats += line == ":"
            assert beats < 3, "nothing comes"
            name, _, value = line.partition(": ")
            if name == "id":
                position = value
            elif name == "data":
                result = json.loads(value)
                assert "errors" not in result, result
                return next(iter(result["data"].values())), position
        raise AssertionError("the stream has ended")


def test_c5_the_id_of_a_message_is_its_position(served: Served) -> None:
    with source(served, EVENTS) as messages:
        message, last = messages.next()
        assert (message["__typename"], message["position"]) == ("CaughtUp", last)
        served.do("registerAgent", name="one")
        message, last = messages.next()
        assert (message["__typename"], message["position"]) == ("Event", last)


def test_c5_events_are_resumed_without_a_gap_or_a_duplicate(served: Served) -> None:
    known = served.stored()
    with source(served, EVENTS) as messages:
        _, last = messages.next()
    for round_ in range(3):
        for name in ("a", "b"):
            served.do("registerAgent", name=f"{name}{round_}")
        with source(served, EVENTS, last) as messages:
            (first, last), (second, middle) = messages.next(), messages.next()
            assert messages.next()[0]["__typename"] == "CaughtUp"
        with source(served, EVENTS, last) as messages:
            again, last = messages.next()
            assert (again, last) == (second, middle)
        known += [first["id"], second["id"]]
        assert served.stored() == known


def test_c5_a_live_view_is_resumed_with_what_changed(served: Served) -> None:
    with source(served, AGENTS) as messages:
        assert messages.next()[0]["__typename"] == "AgentsSnapshot"
        _, last = messages.next()
    served.do("registerAgent", name="missed")
    with source(served, AGENTS, last) as messages:
        message, _ = messages.next()
        assert message == {"__typename": "AgentChanged", "kind": "ADDED", "agent": {"name": "missed"}}
        assert messages.next()[0]["__typename"] == "CaughtUp"


def test_c5_the_header_is_newer_than_what_the_document_says(served: Served) -> None:
    """The browser repeats its URL, with the `after` of the first time in it."""
    query = "subscription ($p: Position) { events(after: $p) { __typename ... on Message { position } } }"
    with source(served, EVENTS) as messages:
        _, first = messages.next()
        served.do("registerAgent", name="x")
        _, second = messages.next()
    for last, kinds in ((None, ["Event", "CaughtUp"]), (second, ["CaughtUp"])):
        body = {"query": query, "variables": {"p": first}}
        with source(served, "", last, json=body) as messages:
            assert [messages.next()[0]["__typename"] for _ in kinds] == kinds


def test_c5_what_becomes_of_a_command_is_told_anew(served: Served) -> None:
    """Its few messages say a state each; they have no id to resume behind."""
    create = (
        'mutation { registerAgent(input: {name: "c"}, commandId: "c5", await: PROJECTED) { agent { id } } }'
    )
    with source(served, EVENTS) as messages:
        served.ask(create)
        _, position = messages.next()
    for last in (None, position):
        with source(served, COMMAND % '"c5"', last) as messages:
            message, none = messages.next()
            assert (message["__typename"], none) == ("CommandStored", None)


def test_c5_an_id_that_nerve_never_gave_ends_the_attempts_of_a_browser(served: Served) -> None:
    headers = {"accept": SSE, "last-event-id": "nonsense"}
    response = served.http.get(f"/graphql?query={quote(EVENTS)}", headers=headers)
    [error] = response.json()["errors"]
    assert response.status_code == 400, "at any other status it would try again for ever"
    assert error["extensions"] == {"code": "VALIDATION_FAILED", "path": ["lastEventId"]}


class Browser:
    """A program that follows subscriptions, and what it has said of each."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: dict[str, list[Any]] = {"events": [], "agents": []}

    async def until(self, holds: Callable[[], bool]) -> None:
        """Read what it says until this holds."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not holds():
                name, said, _ = json.loads(await self._process.stdout.readline())
                self.said[name].append(said)

    def messages(self, name: str) -> list[dict[str, Any]]:
        """The messages of one subscription."""
        return [next(iter(said["data"].values())) for said in self.said[name] if isinstance(said, dict)]

    def caught_up(self, name: str) -> int:
        """How often it had caught up."""
        return sum(message["__typename"] == "CaughtUp" for message in self.messages(name))


@pytest.mark.browser
async def test_c5_a_real_event_source_misses_nothing_over_cut_connections(served: Served) -> None:
    chromium, node = require("chromium", "chromium-browser", "google-chrome"), node_with_clients()
    before = served.stored()
    async with CuttingProxy(served.port).running() as proxy:
        process = await asyncio.create_subprocess_exec(
            node, "event-source.mjs", chromium, f"http://127.0.0.1:{proxy.port}",
            json.dumps({"events": EVENTS, "agents": AGENTS}),
            cwd=PACKAGE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            browser, names = Browser(process), []
            for cut in range(CUTS):
                await browser.until(lambda: all(browser.caught_up(n) == cut + 1 for n in browser.said))  # noqa: B023
                names += [f"{cut} live", f"{cut} missed", f"{cut} missed too"]
                served.do("registerAgent", name=names[-3])
                async with proxy.cut_off():
                    for name in names[-2:]:
                        served.do("registerAgent", name=name)
            await browser.until(lambda: all(browser.caught_up(n) == CUTS + 1 for n in browser.said))
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
    events = [message["id"] for message in browser.messages("events") if message["__typename"] == "Event"]
    assert events == served.stored()[len(before) :]
    agents = browser.messages("agents")
    assert [message["__typename"] for message in agents].count("AgentsSnapshot") == 1
    received = [message["agent"]["name"] for message in agents if message["__typename"] == "AgentChanged"]
    assert sorted(received) == sorted(names)
