"""The commands and the GraphQL of README and of pages of docs/ run as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import httpx
import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.websockets import WebsocketsTransport
from typer.testing import CliRunner

from domain.kernel.names import quantity
from tests.helpers.command_line import CLI
from tests.helpers.documentation import README, ROOT, code_blocks, graphql_block
from tests.helpers.servers import eventually

DOCS = ROOT / "docs"
PACKAGES = ("api", "domain", "eventstore", "projections", "subscriptions")


class Checkout:
    """A copy of the packages, run by `nerve dev`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in PACKAGES:
            copytree(ROOT / package, folder / package, ignore=ignore_patterns("node_modules"))
        (process_log,) = code_blocks(DOCS / "importing.md", "csv")
        (command,) = code_blocks(DOCS / "importing.md", "json")
        (folder / "process-log.csv").write_text(process_log)
        (folder / "commands.jsonl").write_text(json.dumps(json.loads(command)))
        self._environment = {**os.environ, "NERVE_PORT": "0", "PYTHONUNBUFFERED": "1"}
        with (folder / "output").open("wb") as output:
            self._dev = self.nerve("dev", stdout=output)
        eventually(lambda: self._dev.poll() is not None or (folder / ".nerve" / "run.json").exists(), 120.0)
        assert self._dev.poll() is None, (folder / "output").read_text()

    def nerve(self, *arguments: str, stdout: Any = subprocess.PIPE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self._environment, stdout=stdout, stderr=subprocess.STDOUT
        )

    def stop(self) -> None:
        self._dev.send_signal(signal.SIGINT)
        assert self._dev.wait(60) == 0, (self.folder / "output").read_text()

    @property
    def url(self) -> str:
        run_file = json.loads((self.folder / ".nerve" / "run.json").read_text())
        return f"{run_file['url']}/graphql".replace("http:", "ws:")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path_factory.mktemp("readme"))
    yield checkout
    checkout.stop()


@pytest.fixture
async def session(checkout: Checkout) -> AsyncIterator[AsyncClientSession]:
    transport = WebsocketsTransport(checkout.url, connect_timeout=60, ack_timeout=60)
    async with Client(transport=transport, execute_timeout=60) as session:
        yield session


async def _until(messages: AsyncIterator[dict[str, Any]], wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        async for message in messages:
            (content,) = message.values()
            if content["__typename"] == wanted:
                found: dict[str, Any] = content
                return found
    raise AssertionError(f"no {wanted} came")


async def test_the_operations_show_what_readme_says(session: AsyncClientSession) -> None:
    live = session.subscribe(GraphQLRequest(graphql_block("Watch")))
    await _until(live, "CaughtUp")
    created = (await session.execute(GraphQLRequest(graphql_block("Create"))))["createTask"]
    task = created["task"]
    shown = await _until(live, "TaskChanged")
    assert shown["kind"] == "ADDED"
    assert shown["task"] == {key: task[key] for key in ("id", "title", "status")}
    await live.aclose()
    command = GraphQLRequest(
        graphql_block("Follow"),
        variable_values={"id": created["receipt"]["commandId"]},
        operation_name="Follow",
    )
    followed = [result["command"] async for result in session.subscribe(command)]
    stored = [message["receipt"] for message in followed if message["__typename"] == "CommandStored"]
    assert [receipt["version"] for receipt in stored] == [1]
    assert "tasks" in [message.get("view") for message in followed]
    agents = await session.execute(GraphQLRequest(graphql_block("Busiest")))
    assert agents["agents"]["totalCount"] >= 0
    then = {"id": task["id"], "then": created["receipt"]["position"]}
    why = await session.execute(GraphQLRequest(graphql_block("Why"), variable_values=then))
    assert why["task"] == {"title": "Read the log", "status": "CREATED"}
    assert [change["command"] for change in why["taskHistory"]["nodes"]] == ["CreateTask"]
    assert (why["taskWhy"]["value"], why["taskWhy"]["event"]["type"]) == ("CREATED", "task.created")
    assert [event["type"] for event in why["events"]["nodes"]] == ["task.created"]


PERSONAL = """mutation { createDocument(
  input: { title: "x", content: {}, subjectId: "person-42" }) { receipt { version correlationId } } }"""


def _commands() -> list[list[str]]:
    """The commands of README and of the page for operators, for a nerve that runs."""
    blocks = [*code_blocks(README, "sh"), *code_blocks(DOCS / "operations.md", "sh")]
    blocks = [block for block in blocks if "nerve demo" in block or "nerve verify" in block]
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_the_commands_do_what_readme_says(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = _commands()
    assert len(commands) >= 16
    stored = httpx.post(checkout.url.replace("ws:", "http:"), json={"query": PERSONAL}, timeout=60).json()
    assert "errors" not in stored
    correlation = stored["data"]["createDocument"]["receipt"]["correlationId"]
    commands = [[correlation if word == "01K…" else word for word in command] for command in commands]
    monkeypatch.chdir(checkout.folder)
    said = {
        " ".join(command): _run(checkout, command) for command in commands if command != ["events", "tail"]
    }
    assert "2 rows" in said["import process-log.csv"]
    assert "type Mutation" in said["schema print"]
    assert ": sound" in said["verify"]
    assert "person-42 is erased" in said["erase person-42"]
    tail = checkout.nerve("events", "tail", "--after", "0")
    assert tail.stdout is not None
    assert b"agent.registered" in next(line for line in tail.stdout if b"agent." in line)
    tail.send_signal(signal.SIGINT)
    tail.communicate(timeout=60)
    assert tail.returncode == 0


def test_the_command_of_the_page_about_imports_is_imported_once(checkout: Checkout) -> None:
    """A second import of the file finds the command stored."""
    for stored in (1, 0):
        output, _ = checkout.nerve("import", "commands.jsonl").communicate(timeout=120)
        result = f"{quantity(stored, 'command')} stored, {1 - stored} already stored by an earlier run"
        assert f": {result}" in output.decode()


def _run(checkout: Checkout, command: list[str]) -> str:
    """The output of a command as README has it, with a stream that exists and less patience.

    Only what works on the files of the packages is a process in the copy, because each start takes seconds.
    """
    shorter = {"task-01J…": "task-1", "20": "2"}
    command = [shorter.get(word, word) for word in command]
    if command[0] == "schema":
        process = checkout.nerve(*command)
        output = process.communicate(timeout=120)[0].decode()
        exit_code = process.returncode
    else:
        result = CliRunner().invoke(CLI, command, catch_exceptions=False)
        output, exit_code = result.output, result.exit_code
    assert exit_code == 0, (command, output)
    return output
