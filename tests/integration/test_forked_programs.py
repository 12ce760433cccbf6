"""A forked program of nerve is a process like one that is started, without its imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from api.devserver.child import ChildProcess
from tests.helpers.forking.popen import ROOT
from tests.helpers.servers import eventually

PROGRAM = [sys.executable, "-m", "tests.helpers.process_facts"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")


def facts(*arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
    """Run the program; return what it has printed."""
    done = subprocess.run([*PROGRAM, *arguments], input=f"{code}\n".encode(), capture_output=True, **options)
    assert done.stderr == b"the end\n", done.stderr.decode()
    assert done.returncode == code
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_it_runs_as_the_main_module_without_importing_nerve() -> None:
    program = facts()
    assert program["name"] == "__main__"
    assert program["preloaded"]


def test_it_has_its_own_arguments_environment_and_end() -> None:
    environment = {**os.environ, "NERVE_DATABASE": "of its own"}
    program = facts("one", "two words", env=environment, code=7)
    assert program["arguments"] == ["one", "two words"]
    assert program["environment"] == environment
    assert program["folder"] == str(ROOT)


def test_it_is_a_child_of_this_process_in_a_session_of_its_own() -> None:
    assert facts()["session"] == os.getsid(0)
    program = facts(start_new_session=True)
    assert program["parent"] == os.getpid()
    assert program["session"] == program["process"]


def test_it_inherits_no_thread_and_no_descriptor_but_those_it_is_given() -> None:
    read, write = os.pipe()
    program = facts(pass_fds=[write])
    assert program["threads"] == 1
    assert program["descriptors"] == [0, 1, 2, write]
    os.close(read)
    os.close(write)


def test_it_is_killed_and_frozen_as_any_process(tmp_path: Path) -> None:
    process = subprocess.Popen(PROGRAM, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    assert json.loads(process.stdout.readline())["process"] == process.pid
    process.send_signal(signal.SIGSTOP)
    assert os.waitpid(process.pid, os.WUNTRACED)[1] & 0xFF == 0x7F
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stdin.close()
    process.stdout.close()


def test_a_child_process_writes_to_its_file(tmp_path: Path) -> None:
    """Its stdin is empty, so that the program fails at the end."""
    output = tmp_path / "out"
    child = ChildProcess("facts", PROGRAM, output=output, environment={"NERVE_DATABASE": "its"})
    eventually(lambda: child.exit_code is not None)
    assert child.exit_code == 1
    program = json.loads(output.read_text().splitlines()[0])
    assert program["environment"]["NERVE_DATABASE"] == "its"
    assert program["session"] == child.pid


OF_ROOT = {"PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("folder", "more"),
    [("/", OF_ROOT), (ROOT, {"PYTHONHASHSEED": "1"}), (ROOT, OF_ROOT)],
    ids=["another folder", "another Python", "another nerve"],
)
def test_what_needs_another_python_is_started(folder: str | Path, more: dict[str, str]) -> None:
    assert not facts(cwd=folder, env={**os.environ, **more})["preloaded"]
