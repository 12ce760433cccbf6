"""Runs the command in its arguments as a child that the kernel kills when its parent dies.

Usage: ``python -IS launcher.py PARENT_PID COMMAND…``. It is a script and imports nothing of the project.
The child itself must ask the kernel for this, and Python code between fork and exec is not safe in a process
with threads, so this program runs between the parent and the command. Only Linux offers it
(``PR_SET_PDEATHSIG``). Elsewhere the command survives a parent that is killed with SIGKILL.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bind this process to its parent's life, then replace it by the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        os.execv(command[0], command)


main()
