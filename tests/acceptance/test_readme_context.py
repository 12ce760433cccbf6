"""README's whole context: what `nerve new` writes in an empty folder works at once, and README shows that."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.websockets import WebsocketsTransport

from tests.helpers.servers import eventually

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()
SECTION = README.partition("## A whole context\n")[2].partition("\n## ")[0]
FILES = dict(re.findall(r"`(ledger/\w+\.py)`:\n\n```python\n(.*?)```", SECTION, re.S))
LINES_BEFORE = 48
"""Lines of README's context, without blank ones, before `nerve new` wrote it."""


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.S)
    return str(block)


class Project:
    """A folder outside the checkout in which README's commands are run, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "NERVE_PORT": "0",
            "MYPYPATH": str(ROOT),
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (command, done.stdout + done.stderr)
        return done.stdout

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """Run a server meanwhile; a Ctrl-C at the end stops it."""
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        is_up = (self.folder / ".nerve" / "run.json").exists
        try:
            eventually(lambda: process.poll() is not None or is_up(), 120.0)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, (self.folder / "output").read_text()

    @property
    def url(self) -> str:
        run_file = json.loads((self.folder / ".nerve" / "run.json").read_text())
        return f"{run_file['url']}/graphql".replace("http:", "ws:")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project after README's commands, of which the last one goes on running."""
    project = Project(tmp_path_factory.mktemp("project"))
    *commands, dev = [shlex.split(line, comments=True) for line in _block("sh").splitlines()]
    assert (commands, dev) == ([["nerve", "new", "ledger"], ["pytest", "ledger"]], ["nerve", "dev"])
    for command in commands:
        project.run(*command)
    with project.running(*dev):
        yield project


@pytest.fixture
async def session(project: Project) -> AsyncIterator[AsyncClientSession]:
    transport = WebsocketsTransport(project.url, connect_timeout=60, ack_timeout=60)
    async with Client(transport=transport, execute_timeout=60) as session:
        yield session


def _request(name: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(_block("graphql"), variable_values=variables, operation_name=name)


def test_readme_shows_the_files_as_they_are_written(project: Project) -> None:
    written = {name: (project.folder / name).read_text() for name in FILES}
    assert written == FILES
    assert FILES.keys() == {"ledger/__init__.py", "ledger/view.py"}
    assert sum(bool(line.strip()) for text in FILES.values() for line in text.splitlines()) < LINES_BEFORE
    assert "  - ledger.view\n" in (project.folder / "nerve.yaml").read_text()


def test_the_code_is_formatted_and_strictly_typed(project: Project) -> None:
    project.run("ruff", "format", "--check", "ledger")
    project.run("ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), "ledger")
    project.run("ruff", "check", "ledger")
    project.run("ruff", "check", "--config", str(ROOT / "pyproject.toml"), "ledger")
    project.run("mypy", "--strict", "ledger")


async def test_its_mutation_query_subscription_and_history_work_at_once(session: AsyncClientSession) -> None:
    live = session.subscribe(_request("WatchLedgers"))
    snapshot = await anext(live)
    assert snapshot["ledgers"]["__typename"] == "LedgersSnapshot"
    created = (await session.execute(_request("CreateLedger")))["createLedger"]
    ledger = created["ledger"]
    assert (ledger["name"], created["receipt"]["version"]) == ("Cash", 1)
    async for message in live:
        if message["ledgers"]["__typename"] == "LedgerChanged":
            assert message["ledgers"] == {"__typename": "LedgerChanged", "kind": "ADDED", "ledger": ledger}
            break
    await live.aclose()
    ledgers = (await session.execute(_request("Ledgers")))["ledgers"]
    assert ledgers == {"totalCount": 1, "nodes": [ledger]}
    history = await session.execute(_request("LedgerHistory", id=ledger["id"]))
    (change,) = history["ledgerHistory"]["nodes"]
    assert (change["command"], change["after"]) == ("CreateLedger", {"name": "Cash"})
