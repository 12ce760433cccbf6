"""Queries over HTTP: nerve, the same API in plain strawberry, and the same bytes without GraphQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from tempfile import NamedTemporaryFile
from typing import Any
from uuid import uuid4

import orjson

from tests.bench.data import fill, workflow_id
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.limits import ANSWERS
from tests.bench.load import ask, load, post
from tests.bench.machine import Machine

CONNECTIONS = 16
SECONDS = 1.0

ROW = "id name status progress startedAt steps { name agentId completedAt }"
PAGE = f"edges {{ node {{ {ROW} }} }} pageInfo {{ hasNextPage }}"
LIST = f"query ($first: Int!) {{ workflows(first: $first) {{ {PAGE} }} }}"
ONE = f"query ($id: ID!) {{ workflow(id: $id) {{ {ROW} }} }}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is asked, and the factories of those that answer, by name."""

    questions: Sequence[dict[str, Any]]
    nerve: tuple[str, str]
    peers: Sequence[tuple[str, str]]

    @asynccontextmanager
    async def contest(self, machine: Machine) -> AsyncIterator[Contest]:
        """Serve all of them on the same data."""
        database = f"queries_{uuid4().hex}"
        await fill(machine, database)
        requests = [post(question) for question in self.questions]
        with ExitStack() as stack:
            environment = machine.settings(database)

            def serve(factory: str) -> int:
                return stack.enter_context(machine.serving(factory, environment))

            ports = [(name, serve(factory)) for name, factory in (self.nerve, *self.peers)]
            nerve, *peers = [(name, port, await _answers(port, requests)) for name, port in ports]
            file = stack.enter_context(NamedTemporaryFile())
            file.write(orjson.dumps(self._by_id(nerve[2])))
            file.flush()
            environment[ANSWERS] = file.name
            port = serve("tests.bench.limits:answers")
            limit = ("same bytes, orjson on Starlette", port, await _answers(port, requests))
            if limit[2] != nerve[2]:
                raise RuntimeError("the limit does not answer with the same bytes")
            for name, _, answers in peers:
                if _meaning(answers) != _meaning(nerve[2]):
                    raise RuntimeError(f"{name} answers {answers[0]!r}, and nerve {nerve[2][0]!r}")
            yield Contest(
                _contender(*nerve, requests),
                _contender(*limit, requests),
                tuple(_contender(*peer, requests) for peer in peers),
            )

    def _by_id(self, answers: Sequence[bytes]) -> dict[str, Any]:
        asked = (question["variables"].get("id", "") for question in self.questions)
        return dict(zip(asked, map(orjson.loads, answers), strict=True))


async def _answers(port: int, requests: Sequence[bytes]) -> list[bytes]:
    return [await ask(port, request) for request in requests]


def _meaning(answers: Sequence[bytes]) -> list[Any]:
    """What the answers say, however they space their JSON and write UTC."""
    return [orjson.loads(answer.replace(b"000+00:00", b"Z"))["data"] for answer in answers]


def _contender(name: str, port: int, answers: Sequence[bytes], requests: Sequence[bytes]) -> Contender:
    known, turning = frozenset(answers), cycle(requests)

    async def turn() -> Figure:
        return await load(port, turning, CONNECTIONS, SECONDS, known.__contains__)

    return Contender(name, turn)


LIST_OF_20 = Setup(
    ({"query": LIST, "variables": {"first": 20}},),
    ("its application", "tests.bench.subject:usual"),
    (
        ("plain strawberry", "tests.bench.plain:usual"),
        ("strawberry with both its caches", "tests.bench.plain:cached"),
    ),
)
FROM_MEMORY = Setup(
    LIST_OF_20.questions,
    ("its application", "tests.bench.subject:from_memory"),
    (("plain strawberry", "tests.bench.plain:usual_from_memory"),),
)
BY_ID = Setup(
    tuple({"query": ONE, "variables": {"id": workflow_id(number)}} for number in range(0, 1_000, 10)),
    ("its application", "tests.bench.subject:usual"),
    (("plain strawberry", "tests.bench.plain:usual"),),
)

BENCHMARKS = (
    Benchmark(
        "http.list20",
        "requests/s",
        "the same list of 20 with a nested object, each time after a read of MongoDB",
        LIST_OF_20.contest,
    ),
    Benchmark(
        "http.list20.memory",
        "requests/s",
        "a list of 20, executed each time on rows held in memory",
        FROM_MEMORY.contest,
    ),
    Benchmark("http.byid", "requests/s", "one object by its id, from MongoDB", BY_ID.contest),
)
