"""The code of docs/processes.md does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documentation import ROOT, code_blocks

PAGE = ROOT / "docs" / "processes.md"

BUY = """
import asyncio
from api.cli.trace import trace_lines
from api.lifecycle import open_runtime
from api.settings import load_settings
from domain.kernel import Envelope
from eventstore.history.trace import read_trace
from tickets.ticket import BuyTicket


async def trace():
    async with open_runtime(load_settings(), worker=True) as nerve:
        while not await nerve.database["consumers"].count_documents({"_id": "process.purchase"}):
            await asyncio.sleep(0.01)
        command = BuyTicket(id="ticket-2", seat_id="seat-8", price=66600)
        await nerve.bus.dispatch(Envelope(command, command_id="buy-2"))
        while True:
            nodes = (await read_trace(nerve.log, nerve.processes, "default", "buy-2")).nodes
            if any(node.name == "process.compensated" for node in nodes):
                return nodes
            await asyncio.sleep(0.01)


for line in trace_lines(asyncio.run(asyncio.wait_for(trace(), 100))):
    print(line)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the page shows, and nothing else."""
    files = re.findall(r"`(tickets/\w+\.py)`[^`]*:\n\n```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(files) == len(code_blocks(PAGE, "python")) == 6
    (tmp_path / "tickets").mkdir()
    for name, code in files:
        (tmp_path / name).write_text(code)
    (tmp_path / "nerve.yaml").write_text(code_blocks(PAGE, "yaml")[0])
    return tmp_path


def test_the_tests_of_the_page_pass(folder: Path) -> None:
    """They need no server."""
    tests = [sys.executable, "-m", "pytest", "-q", "tickets"]
    done = subprocess.run(tests, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_the_code_of_the_page_is_strictly_typed(folder: Path) -> None:
    """The types of nerve lead to errors where a context is wrong."""
    (folder / "tickets" / "test_purchase.py").unlink()
    strictly = ["--strict", "--follow-imports=silent", "--explicit-package-bases"]
    mypy = [sys.executable, "-m", "mypy", *strictly, "tickets"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(mypy, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_the_trace_of_the_page_is_what_happens(
    folder: Path, mongo_url: str, redis_url: str, database: str
) -> None:
    """But for the times."""
    servers = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    wide = {"COLUMNS": "200"}
    code = f"import sys; sys.path[:0] = ['', {str(ROOT)!r}]\n{BUY}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **servers, **wide},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    _, *lines = without_times(code_blocks(PAGE, "text")[0])
    assert without_times(done.stdout) == lines


def without_times(tree: str) -> list[str]:
    """Return the lines of a trace, without what differs each time."""
    return [re.sub(r"from .*|\d+\.\d{3}", "", line).rstrip() for line in tree.splitlines()]
