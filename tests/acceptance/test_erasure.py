"""What is left of an erased person: nothing that can be read, wherever one looks.

Real processes on real servers: an API with an open socket, a worker, the command line. All documents of all
collections are dumped and searched, and so are segments, exports, metrics, log lines and messages.
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
import httpx
import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, free_port
from eventstore.archiving.zstd import decompress
from tests.helpers.command_line import CLI
from tests.helpers.served_api import PATIENCE, Client, Served
from tests.helpers.servers import eventually

ROOT = Path(__file__).parents[2]

GONE = "plain-text-of-who-goes"
KEPT = "plain-text-of-who-stays"

EVENTS = """subscription ($after: Position) { events(filter: {categories: ["person"]}, after: $after) {
  __typename ... on Message { position } ... on Event { type stream data } } }"""
PEOPLE = """subscription { people { __typename ... on PeopleSnapshot { people { id name said } }
  ... on PersonChanged { kind rowId changedFields person { id name former said city } } } }"""


@dataclass
class Deployed:
    """An API and a worker in processes of their own, with their output in files."""

    folder: Path
    environment: dict[str, str]
    metrics_port: int
    served: Served
    children: list[ChildProcess] = field(default_factory=list)

    def start(self, command: str, **environment: str) -> None:
        program = [sys.executable, "-m", "api.cli", command]
        output = self.folder / f"{command}-{len(self.children)}.log"
        settings = {**self.environment, **environment}
        self.children.append(ChildProcess(command, program, output=output, environment=settings))

    def nerve(self, *arguments: str) -> str:
        """What another command of the command line says."""
        done = CliRunner(env=self.environment).invoke(CLI, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def metrics(self) -> str:
        """Those of the API and of the worker."""
        worker = httpx.get(f"http://{LOOPBACK}:{self.metrics_port}/metrics", timeout=PATIENCE).text
        return self.served.get("/metrics").text + worker

    def said(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture
def deployed(tmp_path: Path, mongo_url: str, redis_url: str, database: str) -> Iterator[Deployed]:
    port, metrics_port = free_port(), free_port()
    environment = {
        "PYTHONPATH": str(ROOT),
        "NERVE_MONGO_URL": mongo_url,
        "NERVE_REDIS_URL": redis_url,
        "NERVE_DATABASE": database,
        "NERVE_CONTEXTS": "tests.helpers.people,tests.helpers.mentions_view,projections.views.subjects",
        "NERVE_MASTER_KEY": b64encode(os.urandom(32)).decode(),
        "NERVE_ARCHIVE_URL": (tmp_path / "archive").as_uri(),
        "NERVE_LOG_LEVEL": "debug",
        "NERVE_PORT": str(port),
        "NERVE_POLL_INTERVAL": "0.2",
    }
    with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=PATIENCE) as http:
        deployed = Deployed(tmp_path, environment, metrics_port, Served(port, http))
        try:
            deployed.start("serve")
            deployed.start("worker", NERVE_METRICS_PORT=str(metrics_port))
            eventually(lambda: _ready(deployed.served), 120.0)
            yield deployed
        finally:
            for child in deployed.children:
                child.stop(grace=60)


def _ready(served: Served) -> bool:
    try:
        return served.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _tell(served: Served) -> None:
    """Personal data of both people, in the streams of both."""
    served.do("registerPerson", id="person-a", city="Graz", name=f"{GONE} 1")
    served.do("registerPerson", id="person-b", city="Linz", name=f"{KEPT} 1")
    served.do("remark", id="person-b", aboutId="person-a", text=f"{GONE} 2", own=f"{KEPT} 2", likes=3)


def _dump(mongo_url: str, database: str) -> dict[str, bytes]:
    """All documents of each collection."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        names = client[database].list_collection_names()
        return {name: b"".join(map(bson.encode, client[database][name].find())) for name in names}


def _holding(dumped: dict[str, bytes], text: str) -> set[str]:
    return {name for name, documents in dumped.items() if text.encode() in documents}


def _segments(folder: Path) -> bytes:
    return b"".join(decompress(path.read_bytes()) for path in folder.rglob("*.zst"))


async def _until(client: Client, found: Any) -> list[dict[str, Any]]:
    """The messages on the socket up to the first for which `found` holds."""
    messages = [await client.receive()]
    while not found(messages[-1]):
        messages.append(await client.receive())
    return messages


def _is_change(message: dict[str, Any], id: str) -> bool:
    change = message["payload"].get("data", {}).get("people", {})
    return bool(change.get("__typename") == "PersonChanged" and change["rowId"] == id)


def test_no_plaintext_of_an_erased_person_is_left_anywhere_and_an_open_socket_sees_it_go(
    deployed: Deployed, mongo_url: str, database: str, tmp_path: Path
) -> None:
    served = deployed.served
    _tell(served)
    assert "archived " in deployed.nerve("archive", "--before", "3")
    served.do("renamePerson", id="person-a", name=f"{GONE} 3")
    # The commands wait for the view of their own context alone.
    rows = {"view_people_1", "view_mentions_1"}
    eventually(lambda: _holding(_dump(mongo_url, database), GONE) == rows)

    heard = asyncio.run(_listen(served))
    _check_told(heard)
    _check_read(served)
    rename = 'mutation { renamePerson(input: {id: "person-a", name: "b"}) { receipt { version } } }'
    refused = served.refused(rename)
    assert (refused["extensions"]["code"], "was erased" in refused["message"]) == ("INVARIANT_VIOLATED", True)
    _check_refusals_tell_no_values(served)

    exported = []
    for number, options in enumerate(([], ["--personal"])):
        deployed.nerve("export", str(tmp_path / f"{number}.jsonl"), *options)
        exported.append((tmp_path / f"{number}.jsonl").read_text())
    assert GONE not in "".join(exported)
    assert [KEPT in text for text in exported] == [False, True]

    eventually(lambda: not _holding(_dump(mongo_url, database), GONE))
    assert _holding(_dump(mongo_url, database), KEPT) == {"view_people_1"}
    segments = _segments(tmp_path / "archive")
    assert b"person-a" in segments
    assert GONE.encode() not in segments
    assert KEPT.encode() not in segments
    past = ("show person-a --at 1", "show person-b --at 3", "diff person-a 0 2", "replay --since 1")
    shown = [deployed.nerve("events", *words.split()) for words in past]
    assert "person.registered" in shown[0]
    assert GONE not in deployed.metrics() + "".join(shown)
    for child in deployed.children:
        assert child.stop(grace=60)
    assert "EraseSubject stored" in deployed.said()
    assert GONE not in deployed.said()
    assert KEPT not in deployed.said()


async def _listen(served: Served) -> list[dict[str, Any]]:
    """All that an open socket is told from the moment when the erasure is answered."""
    async with served.client() as client:
        await client.subscribe("1", PEOPLE)
        before = await _until(client, lambda message: "PeopleSnapshot" in str(message))
        await client.subscribe("2", EVENTS, after=None)
        await _until(client, lambda message: message["id"] == "2")
        assert GONE in str(before)
        await asyncio.to_thread(served.do, "eraseSubject", subject="person-a", reason="asked for it")
        heard = []
        missing = {"person-a", "person-b"}
        while missing:
            heard.append(await client.receive())
            missing -= {person for person in missing if _is_change(heard[-1], person)}
        # Who resumes or begins to listen now is told of the past without it.
        start = (await asyncio.to_thread(served.ask, "{ events(first: 1) { nodes { position } } }"))["events"]
        await client.subscribe("3", EVENTS, after=start["nodes"][0]["position"])
        heard += await _until(client, lambda message: "CaughtUp" in str(message) and message["id"] == "3")
        await client.subscribe("4", PEOPLE)
        heard += await _until(client, lambda message: "PeopleSnapshot" in str(message))
        return heard


def _check_told(heard: list[dict[str, Any]]) -> None:
    assert GONE not in str(heard)
    changes = {}
    for message in heard:
        for person in ("person-a", "person-b"):
            if _is_change(message, person):
                changes[person] = message["payload"]["data"]["people"]
    assert changes["person-a"] == {
        "__typename": "PersonChanged",
        "kind": "UPDATED",
        "rowId": "person-a",
        "changedFields": ["former", "name"],
        "person": {"id": "person-a", "name": None, "former": [None], "said": [], "city": "Graz"},
    }
    assert changes["person-b"]["changedFields"] == ["said"]
    assert changes["person-b"]["person"]["said"] == [f"{KEPT} 2"]


def _check_read(served: Served) -> None:
    """Rows, lists, history, and the record of the erasure."""
    rows = served.ask(
        '{ person(id: "person-a") { name } people { nodes { name said } } mentions { nodes { texts } } }'
    )
    assert rows["person"] == {"name": None}
    assert {"texts": [None]} not in rows["mentions"]["nodes"]
    events = served.ask("{ events(first: 200) { nodes { id type stream data } } }")["events"]["nodes"]
    by_id = "query ($id: ID!) { node(id: $id) { ... on Event { id type stream data } } }"
    assert [served.ask(by_id, id=event["id"])["node"] for event in events] == events
    assert GONE not in str(rows) + str(events)
    assert KEPT in str(rows)
    registered = next(event for event in events if event["stream"] == "person-a")
    assert registered["data"] == {"city": "Graz", "name": None}
    subject = served.ask('{ subject(id: "subject-person-a") { subject reason } }')["subject"]
    assert subject == {"subject": "person-a", "reason": "asked for it"}


def _check_refusals_tell_no_values(served: Served) -> None:
    """Of commands that are wrong: in the answer and, by the end of the test, in no log line."""
    long = f"{GONE} " * 1_000
    mutation = (
        "mutation ($input: RegisterPersonInput!) { registerPerson(input: $input) { receipt { version } } }"
    )
    for wrong in ({"city": "Graz", "name": long}, {"city": "Graz", "name": GONE, "id": f"person {GONE}"}):
        assert GONE not in str(served.run(mutation, input=wrong))
