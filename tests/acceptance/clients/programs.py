from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent


def require(*names: str) -> str:
    """The path of the first program that is installed; without one the test is skipped, in CI it fails."""
    for name in names:
        if path := shutil.which(name):
            return path
    message = f"this test needs one of these programs on the PATH: {', '.join(names)}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def node_with_clients() -> str:
    """The path of node; the npm packages that `PACKAGE` locks are installed once, beside their lock."""
    node, npm = require("node"), require("npm")
    with (PACKAGE / "package.json").open() as package:
        # Tests run in several processes, and one of them installs.
        fcntl.flock(package, fcntl.LOCK_EX)
        locked, installed = PACKAGE / "package-lock.json", PACKAGE / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
            subprocess.run([npm, "ci"], cwd=PACKAGE, check=True)
    return node
