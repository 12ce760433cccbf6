"""Dead letters as people meet them: an event of a type that nobody knows, until somebody does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from typer.testing import CliRunner

from api.cli.terminal import output
from domain.kernel.errors import NotFound, ValidationFailed
from tests.helpers.command_line import CLI
from tests.helpers.documentation import operation
from tests.helpers.own_contexts import OWN_CONSUMERS
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

LETTERS = """query ($view: String, $first: Int, $after: String, $last: Int, $before: String) {
  deadLetters(view: $view, first: $first, after: $after, last: $last, before: $before) {
    nodes { view row stream version type error detail failures }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
RETRY = "mutation ($input: RetryDeadLetterInput!) { retryDeadLetter(input: $input) { receipt { position } } }"
DROP = """mutation ($input: DropDeadLetterInput!, $id: ID) {
  dropDeadLetter(input: $input, commandId: $id) { receipt { position replayed } }
}"""

Log = Collection[dict[str, Any]]


@contextmanager
def serving(mongo_url: str, redis_url: str, database: str) -> Iterator[tuple[Served, Log]]:
    """An API with a worker that cannot read how two of three tasks were started, and the log."""
    urls: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with (
        MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client,
        serve(worker=False, **urls) as api,
    ):
        log = client[database]["log"]
        agent = api.do("registerAgent", "STORED", id="agent-1", name="x")["stream"]
        for number in range(3):
            api.do("createTask", "STORED", id=f"task-{number}", title="x", agentId=agent)
            api.do("startTask", "STORED", id=f"task-{number}")
            api.do("completeTask", "STORED", id=f"task-{number}")
        rename(log, "task.started", "task.begun", {"stream": {"$in": ["task-0", "task-1"]}})
        with serve(**urls, unreadable_events="park") as second:
            eventually(lambda: reached(log, 10))
            yield second, log


@pytest.fixture
def mendable(mongo_url: str, redis_url: str, database: str) -> Iterator[tuple[Served, Log]]:
    with serving(mongo_url, redis_url, database) as parts:
        yield parts


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """One for all who only look."""
    database = f"test_{uuid4().hex}"
    with MongoClient[dict[str, Any]](mongo_url) as client:
        with serving(mongo_url, redis_url, database) as (api, _log):
            yield api
        client.drop_database(database)


def reached(log: Log, position: int) -> bool:
    """Whether all views are there."""
    consumers = list(log.database["consumers"].find())
    generations = [one for consumer in consumers for one in consumer["generations"].values()]
    partitions = [one for generation in generations for one in generation["partitions"].values()]
    behind = [one for one in partitions if one["position"] < position]
    return len(consumers) == OWN_CONSUMERS and not behind


def rename(log: Log, former: str, name: str, wanted: dict[str, Any] | None = None) -> None:
    log.update_many({**(wanted or {}), "events.0.type": former}, {"$set": {"events.0.type": name}})


def letters(served: Served, **arguments: Any) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = served.ask(LETTERS, **arguments)["deadLetters"]["nodes"]
    return nodes


def statuses(served: Served, position: str | None = None) -> list[str]:
    query = "query ($at: Position) { tasks(first: 9, atLeast: $at) { nodes { id status } } }"
    nodes = served.ask(query, at=position)["tasks"]["nodes"]
    return [node["status"] for node in sorted(nodes, key=lambda node: str(node["id"]))]


def named(letter: dict[str, Any]) -> dict[str, Any]:
    return {name: letter[name] for name in ("view", "row", "stream", "version")}


def test_what_cannot_be_read_waits_is_listed_and_is_retried_or_dropped(
    mendable: tuple[Served, Log],
) -> None:
    served, log = mendable
    assert statuses(served) == ["ASSIGNED", "ASSIGNED", "COMPLETED"]
    first, second = letters(served, view="tasks")
    assert first == {
        "view": "tasks",
        "row": "task-0",
        "stream": "task-0",
        "version": 3,
        "type": "task.begun",
        "error": "unknown type",
        "detail": "no registered context has this type; register it, or use a process that knows it",
        "failures": 1,
    }
    again = served.ask(RETRY, input=named(first))["retryDeadLetter"]["receipt"]["position"]
    assert statuses(served, again) == ["ASSIGNED", "ASSIGNED", "COMPLETED"]
    assert letters(served, view="tasks") == [{**first, "failures": 2}, second]

    rename(log, "task.begun", "task.started", {"stream": "task-0"})
    mended = served.ask(RETRY, input=named(first))["retryDeadLetter"]["receipt"]["position"]
    assert statuses(served, mended) == ["COMPLETED", "ASSIGNED", "COMPLETED"]
    gone = served.ask(DROP, input={**named(second), "reason": "none"}, id="drop-1")["dropDeadLetter"]
    assert statuses(served, gone["receipt"]["position"]) == ["COMPLETED", "COMPLETED", "COMPLETED"]
    assert letters(served, view="tasks") == []

    refused = served.refused(RETRY, input=named(first))
    assert refused["extensions"]["code"] == "NOT_FOUND"
    assert refused["message"] == "version 3 of task-0 is not parked in the row 'task-0' of tasks"
    assert served.refused(DROP, input=named(second))["extensions"]["code"] == "NOT_FOUND"
    sent_again = served.ask(DROP, input={**named(second), "reason": "none"}, id="drop-1")["dropDeadLetter"]
    assert sent_again["receipt"] == {**gone["receipt"], "replayed": True}


def test_the_operations_of_the_page_about_views_settle_dead_letters(mendable: tuple[Served, Log]) -> None:
    """The page names the dead letter of task-1."""
    served, log = mendable
    listed = served.ask(operation("Parked"))["deadLetters"]["nodes"]
    assert [letter["row"] for letter in listed] == ["task-0", "task-1"]
    rename(log, "task.begun", "task.started", {"stream": "task-1"})
    served.ask(operation("Retry"))
    assert statuses(served) == ["ASSIGNED", "COMPLETED", "COMPLETED"]
    dropped = served.ask(operation("Drop").replace("task-1", "task-0"))["dropDeadLetter"]["receipt"]
    assert statuses(served, dropped["position"]) == ["COMPLETED", "COMPLETED", "COMPLETED"]


@pytest.mark.parametrize(
    "changed", [{"view": "tasks"}, {"row": "agent-1"}, {"stream": "task-2"}, {"version": 2}]
)
def test_what_waits_is_named_exactly(served: Served, changed: dict[str, Any]) -> None:
    waiting = next(letter for letter in letters(served) if letter["view"] == "agents")
    assert waiting["row"] is None
    for mutation in (RETRY, DROP):
        refused = served.refused(mutation, input={**named(waiting), **changed})
        assert refused["extensions"]["code"] == "NOT_FOUND"


def test_letters_are_paged_in_order_each_once(served: Served) -> None:
    whole, paged, cursor = letters(served, first=200), list[Any](), None
    assert [letter["view"] for letter in whole] == sorted(letter["view"] for letter in whole)
    while True:
        page = served.ask(LETTERS, first=1, after=cursor)["deadLetters"]
        paged += page["nodes"]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert paged == whole
    assert len(whole) > 2


def test_c13_a_dead_letter_is_a_node(served: Served) -> None:
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on DeadLetter { view stream version } } }"
    ids = "{ deadLetters(first: 200) { nodes { id view row stream version } } }"
    for letter in served.ask(ids)["deadLetters"]["nodes"]:
        of = letter["id"]
        shown = {name: letter[name] for name in ("view", "stream", "version")}
        assert served.ask(query, id=of)["node"] == {"__typename": "DeadLetter", "id": of, **shown}
    assert served.ask(query, id="tasks/task-1/task-1@9")["node"] is None


def test_c12_letters_are_paged_backwards(served: Served) -> None:
    whole, paged, cursor = letters(served, first=200), list[Any](), None
    while True:
        page = served.ask(LETTERS, last=1, before=cursor)["deadLetters"]
        paged = [*page["nodes"], *paged]
        cursor = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert paged == whole
    none = served.ask(LETTERS, first=0)["deadLetters"]
    assert (none["nodes"], none["pageInfo"]["hasNextPage"]) == ([], True)


@pytest.mark.parametrize(
    ("arguments", "code", "path"),
    [
        ({"after": "x"}, "VALIDATION_FAILED", ["after"]),
        ({"before": "x"}, "VALIDATION_FAILED", ["before"]),
        ({"first": -1}, "VALIDATION_FAILED", ["first"]),
        ({"first": 1, "last": 1}, "VALIDATION_FAILED", ["last"]),
        ({"first": 201}, "VALIDATION_FAILED", ["first"]),
        ({"view": "lamps"}, "NOT_FOUND", None),
    ],
)
def test_bad_arguments_are_refused(
    served: Served, arguments: dict[str, Any], code: str, path: list[str] | None
) -> None:
    refused = served.refused(LETTERS, **arguments)["extensions"]
    assert (refused["code"], refused.get("path")) == (code, path)


Run = Callable[..., str]


@pytest.fixture
def command_line(
    mendable: tuple[Served, Log],
    mongo_url: str,
    redis_url: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Runs `nerve` beside what is served; what it prints."""
    monkeypatch.setattr(output, "width", 200)
    urls = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    runner = CliRunner(env=urls)

    def run(*words: str, code: int = 0) -> str:
        done = runner.invoke(CLI, list(words))
        if isinstance(done.exception, NotFound | ValidationFailed):
            return str(done.exception)
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_the_command_line_lists_and_shows(mendable: tuple[Served, Log], command_line: Run) -> None:
    served, _ = mendable
    assert 'nerve_dead_letters{view="tasks"} 2.0' in served.get("/metrics").text
    assert re.search(r"tasks .*│ 2 +│", command_line("views"))
    listed = command_line("dead-letters", "list", "--view", "tasks")
    counts = {name: listed.count(name) for name in ("task-0@3", "task-1@3", "task.begun", "unknown type")}
    assert counts == {"task-0@3": 1, "task-1@3": 1, "task.begun": 2, "unknown type": 2}
    shown = command_line("dead-letters", "show", "tasks", "task-0@3")
    assert "task-0@3 is parked in tasks, in the row task-0" in shown
    assert shown.index("task.begun") < shown.index("task.completed")
    refused = command_line("dead-letters", "list", "--view", "lamps")
    assert refused.startswith("there is no view 'lamps'; there are agents, ")


def test_the_command_line_retries_and_drops(mendable: tuple[Served, Log], command_line: Run) -> None:
    served, log = mendable
    assert "folded 0 of 2 parked events" in command_line("dead-letters", "retry", "tasks", "--all", code=1)
    assert command_line("dead-letters", "retry", "tasks") == "name the event to retry, or use --all"

    rename(log, "task.begun", "task.started", {"stream": "task-0"})
    retried = command_line("dead-letters", "retry", "tasks", "task-0@3")
    assert "folded 1 of 1 parked events, and the events behind them" in retried
    dropped = command_line("dead-letters", "drop", "tasks", "task-1@3", "--reason", "none")
    assert "dropped task-1@3 from 1 row" in dropped
    assert "no event is parked" in command_line("dead-letters", "list", "--view", "tasks")
    assert statuses(served) == ["COMPLETED", "COMPLETED", "COMPLETED"]
    reasons = [one["events"][0]["data"].get("reason") for one in log.find({"category": "deadletter"})]
    assert reasons[-1] == "none"
    for command in ("show", "retry", "drop"):
        refused = command_line("dead-letters", command, "tasks", "task-1@3")
        assert refused.startswith("task-1@3 is not parked in tasks; ")
