from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parents[2]

PATIENCE = 300.0
"""Seconds that a program may take on a machine that does much else."""


def require(*names: str) -> str:
    """The path of the first program that is installed; without one the test is skipped, in CI it fails."""
    for name in names:
        if path := shutil.which(name):
            return path
    message = f"this test needs one of these programs on the PATH: {', '.join(names)}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@cache
def node_with_clients() -> str:
    """The path of node; the npm packages that `PACKAGE` locks are installed, unless they are."""
    require("npm")
    with (PACKAGE / "package.json").open() as package:
        # Tests run in several processes, and one of them installs.
        fcntl.flock(package, fcntl.LOCK_EX)
        subprocess.run([require("make"), "clients"], cwd=ROOT, check=True)
    return require("node")


@cache
def build_pages() -> None:
    """Build GraphiQL and the console, unless they are built."""
    make = require("make")
    require("npm")
    with (ROOT / "Makefile").open() as makefile:
        # Tests run in several processes, and one of them builds.
        fcntl.flock(makefile, fcntl.LOCK_EX)
        subprocess.run([make, "console"], cwd=ROOT, check=True)


@contextmanager
def browser_program(program: str, plan: Mapping[str, Any]) -> Iterator[Callable[[], Any]]:
    """Run a program of the folder `console` in a browser, by its plan.

    What this yields reads the next line of JSON that the program prints.
    """
    chromium = require("chromium", "chromium-browser", "google-chrome")
    command = [node_with_clients(), f"console/{program}.mjs", chromium]
    with subprocess.Popen(
        command, cwd=PACKAGE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        output = process.stdout
        end = Timer(PATIENCE, process.kill)
        end.start()
        try:
            process.stdin.write(json.dumps(plan))
            process.stdin.close()
            yield lambda: json.loads(output.readline())
            assert process.wait() == 0
        finally:
            end.cancel()
            process.kill()


def run_in_browser(program: str, plan: Mapping[str, Any]) -> Any:
    """Run a program of the folder `console`; return the one line that it prints."""
    with browser_program(program, plan) as read:
        return read()
