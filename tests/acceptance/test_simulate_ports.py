"""`nerve simulate-ports`: one simulator for several workers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from typer.testing import CliRunner

from tests.helpers.command_line import CLI
from tests.helpers.served_api import PATIENCE

NERVE = str(Path(sys.executable).with_name("nerve"))
ROOT = Path(__file__).parents[2]

SETTINGS = """
contexts: [oracle, lists, pages]
ports:
  oracle: {adapter: simulator, replies: {Ask: {text: yes it is}}}
"""


@contextmanager
def simulating(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a folder, and end it after the block if it still runs."""
    command = [NERVE, "simulate-ports", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_simulated_ports_are_served_until_the_command_is_stopped(tmp_path: Path) -> None:
    """With the requests of the registered processes, and a record of what has arrived."""
    (tmp_path / "nerve.yaml").write_text(SETTINGS)
    for module, context in (("oracle", "chores"), ("lists", "lists"), ("pages", "pages")):
        line = f"from tests.helpers.chore_process.chores import {context} as context\n"
        (tmp_path / f"{module}.py").write_text(line)
    with simulating(tmp_path) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.findall(r"^simulating oracle at (\S+)$", line)[0]
        body = {"operation": "Ask", "input": {"question": "?"}}
        reply = httpx.post(
            f"{url}/oracle", json=body, headers={"idempotency-key": "default/chore-1:2"}, timeout=PATIENCE
        )
        assert reply.json() == {"text": "yes it is"}
        (call,) = httpx.get(f"{url}/oracle/calls", timeout=PATIENCE).json()
        assert (call["key"], call["arrivals"]) == ("default/chore-1:2", 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_settings_without_a_simulated_port_are_refused() -> None:
    """With what to write."""
    result = CliRunner().invoke(CLI, ["simulate-ports"])
    assert str(result.exception).startswith("no port is simulated; write in nerve.yaml ")
