"""The peers on Node: programs of this folder, and the packages that they need."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


def node_command(name: str, program: str) -> Sequence[str] | None:
    """Return the command of a peer; packages are installed the first time.

    Where Node is missing, print that the peer of this name is left out, and return None.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print(f"{name} is left out: node and npm are not both on the PATH", file=sys.stderr)
        return None
    locked, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=FOLDER,
            check=True,
            stdout=sys.stderr,
        )
    return (node, str(FOLDER / program))
