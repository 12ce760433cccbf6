"""Becomes the command in its arguments, killed by the kernel as soon as the parent is gone.

``python -IS tied.py PARENT_PID COMMAND…``. Run as a script, so it imports nothing of the project. It stands
between the parent and the command because the wish must be made in the child, and running Python between
fork and exec is not safe in a process with threads. Linux alone has it (``PR_SET_PDEATHSIG``); elsewhere the
command outlives a parent that was killed with -9, and only that one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        os.execv(command[0], command)


main()
