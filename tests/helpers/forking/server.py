"""The fork server: ``python -m tests.helpers.forking.server DESCRIPTOR``, with the socket of its requests."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from tests.helpers.forking.preloading import preload
from tests.helpers.forking.start import STANDARD, Start, receive_start

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def main() -> None:
    """Serve requests; in each child, run the requested module."""
    preload()
    start = _next_start(socket.socket(fileno=int(sys.argv[1])))
    if start is not None:
        sys.argv[:] = [start.module, *start.arguments]
        sys.path[:1] = [start.folder, *start.paths]
        runpy.run_module(start.module, run_name="__main__", alter_sys=True)


def _next_start(requests: socket.socket) -> Start | None:
    """Fork a child for each request; return the request in the child, and None in the server at the end."""
    while (received := receive_start(requests)) is not None:
        start, descriptors = received
        read, write = os.pipe()
        between = os.fork()
        if between == 0:
            # When this process ends, its child becomes one of the nearest subreaper, which is pytest.
            between, child = os.getpid(), os.fork()
            if child == 0:
                requests.detach()
                _become_program(start, descriptors, between)
                return start
            os.write(write, str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)
        requests.send(os.read(read, 100))
        for descriptor in (read, write, *descriptors):
            os.close(descriptor)
    return None


def _become_program(start: Start, descriptors: Sequence[int], between: int) -> None:
    """Give this process what it would have if pytest had started it."""
    while os.getppid() == between:
        os.sched_yield()
    if start.bound:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != start.parent:
            os._exit(1)
    if start.own_session:
        os.setsid()
    _take_descriptors(descriptors, start.kept)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    _open_streams()
    gc.enable()


def _open_streams() -> None:
    """Open the standard streams again; those of before remember what their descriptors were."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        before = getattr(sys, name)
        buffering = 1 if name == "stderr" else -1
        stream = open(  # noqa: SIM115
            number, mode, buffering, encoding=before.encoding, errors=before.errors, closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _take_descriptors(received: Sequence[int], kept: Sequence[int]) -> None:
    """Give the received descriptors their numbers, and close all others."""
    numbers = (*STANDARD, *kept)
    free = max((*received, *numbers)) + 1
    # First out of the way, because the number of one may be the place of another.
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, free) for descriptor in received]
    for descriptor, number in zip(moved, numbers, strict=True):
        os.dup2(descriptor, number)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor not in numbers:
            with suppress(OSError):  # that of the listing
                os.close(descriptor)


if __name__ == "__main__":
    main()
