"""`nerve dev`: what `make run` runs. It starts everything, stops everything, and loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from api.devserver.address import listen
from api.devserver.embedded import STOP_GRACE
from tests.helpers.letters.stored import document
from tests.helpers.servers import eventually

NERVE = Path(sys.executable).with_name("nerve")


class Dev:
    """A `nerve dev` with its data in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "NERVE_DATA_DIR": str(self.folder / "data"), "NERVE_PORT": "0"}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [NERVE, "dev"], env=environment, cwd=self.folder, stdout=output, stderr=output
            )
        eventually(lambda: self._running().poll() is not None or "nerve is running" in self.output, 120.0)
        assert self._running().poll() is None, self.output

    @property
    def output(self) -> str:
        return self._output.read_text()

    def has_printed(self, text: str) -> bool:
        return text in self.output

    @property
    def run_file(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "data" / "run.json").read_text())
        return content

    def ask(self, query: str) -> Any:
        answer = httpx.post(f"{self.run_file['url']}/graphql", json={"query": query}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def family(self) -> dict[int, str]:
        """Process ids of it and of its children, with what they are."""
        pid = self._running().pid
        children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return {child: Path(f"/proc/{child}/cmdline").read_text() for child in (pid, *children)}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill the child whose command has this name, as in a crash, or send it another signal."""
        os.kill(next(pid for pid, command in self.family().items() if name in command), number)

    def signal(self, number: signal.Signals) -> None:
        self._running().send_signal(number)

    def exit_code(self) -> int:
        return self._running().wait(60)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    dev = Dev(tmp_path)
    yield dev
    dev.signal(signal.SIGKILL)
    dev.exit_code()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _count(dev: Dev) -> int:
    count: int = dev.ask("{ tasks { totalCount } }")["tasks"]["totalCount"]
    return count


def test_it_stops_all_it_started_and_has_all_data_after_a_kill_9(
    dev: Dev, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own master key it also starts where content of agents is recorded."""
    monkeypatch.setenv("NERVE_SCAN_LIMIT", "0")
    (dev.folder / "nerve.yaml").write_text("agent_runs: {record_content: true}\n")
    dev.start()
    dev.ask('mutation { createTask(input: {title: "kept"}, await: PROJECTED) { receipt { stream } } }')
    assert dev.ask('{ tasks(filter: {title: {contains: "ep"}}) { nodes { title } } }')["tasks"]["nodes"]
    assert "no index of tasks serves a query" in dev.output, "where others refuse it"
    assert "access     OPEN: everybody on this machine may do everything" in dev.output
    family = dev.family()
    assert len(family) == 5, "itself, mongod, redis-server, the API, the worker"
    master_key = dev.folder / "data" / "master.key"
    key = master_key.read_text()
    assert master_key.stat().st_mode & 0o777 == 0o600
    dev.signal(signal.SIGKILL)
    dev.exit_code()
    eventually(lambda: not any(map(_alive, family)))

    dev.start()
    assert _count(dev) == 1
    assert master_key.read_text() == key
    assert key.strip() not in dev.output + str(dev.run_file)
    family = dev.family()
    dev.signal(signal.SIGINT)
    assert dev.exit_code() == 0, dev.output
    assert not any(map(_alive, family))
    assert "is killed" not in dev.output
    assert not (dev.folder / "data" / "run.json").exists()


def test_a_child_that_does_not_stop_is_killed_at_the_second_signal(dev: Dev) -> None:
    dev.start()
    family = dev.family()
    dev.kill("worker", signal.SIGSTOP)
    begun = time.monotonic()
    dev.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in dev.output)
    dev.signal(signal.SIGTERM)
    assert dev.exit_code() == 0, dev.output
    assert "the worker has not stopped in time and is killed" in dev.output
    assert not any(map(_alive, family))
    assert time.monotonic() - begun < STOP_GRACE


def test_a_server_that_dies_is_started_again_and_the_end_of_another_part_ends_all(dev: Dev) -> None:
    """Both say so. Between them everything works on, at the same addresses.

    At the end a child that does not stop is killed after a grace.
    """
    dev.start()
    addresses = dev.run_file
    for program in ("redis-server", "mongod"):
        dev.kill(program)
        eventually(partial(dev.has_printed, f"{program} is running again"))
        assert f"{program} ended unexpectedly by signal 9; it is started again" in dev.output
        fields = f'input: {{title: "{program}"}}, await: PROJECTED'
        dev.ask(f"mutation {{ createTask({fields}) {{ receipt {{ stream }} }} }}")
    assert (dev.run_file, _count(dev)) == (addresses, 2)
    family = dev.family()
    dev.kill("api.cli.development", signal.SIGSTOP)
    begun = time.monotonic()
    dev.kill("worker")
    assert dev.exit_code() == 1
    assert time.monotonic() - begun > STOP_GRACE
    assert "the worker ended unexpectedly by signal 9" in dev.output
    assert "the API has not stopped in time and is killed" in dev.output
    assert "Traceback" not in dev.output
    assert not any(map(_alive, family))


def test_a_log_that_the_code_cannot_read_is_refused_once_before_the_api_and_the_worker_start(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    vanished = {**document(1, "task-1", 1, ("task.vanished", 1, {})), "category": "task"}
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client[database]["log"].insert_one(vanished)
    servers = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    environment = {**os.environ, **servers, "NERVE_PORT": "0", "NERVE_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [NERVE, "dev"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 2
    assert ended.stderr.count("the log holds events of the type 'task.vanished'") == 1
    assert "starting the API" not in ended.stderr


def test_it_passes_on_the_exit_code_of_a_part_that_refuses_to_start(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    """Only a worker serves metrics, so only the worker notices that their port is taken."""
    with listen("127.0.0.1", 0) as taken:
        servers = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
        port = {"NERVE_PORT": "0", "NERVE_METRICS_PORT": str(taken.getsockname()[1])}
        environment = {**os.environ, **servers, **port, "NERVE_DATA_DIR": str(tmp_path)}
        ended = subprocess.run(
            [NERVE, "dev"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert ended.returncode == 2, ended.stderr
    assert "the worker ended unexpectedly with exit code 2" in ended.stderr
