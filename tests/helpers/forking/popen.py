"""`subprocess.Popen` that forks programs of nerve; `install` puts it in the place of the one of Python.

So everything that starts processes uses it: `api.devserver.child`, `subprocess.run`, and asyncio.
"""

from __future__ import annotations

import atexit
import ctypes
import inspect
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from api.devserver.child import LAUNCHER
from tests.helpers.forking.start import Start

PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None)

ROOT = Path(__file__).parents[3]
NERVE = str(Path(sys.executable).with_name("nerve"))
SERVICES = frozenset({"cdc", "serve", "worker"})
"""Commands of nerve that are forked: those that run until they are stopped."""

PROGRAMS = ("tests.faults.", "tests.helpers.")
"""Packages whose modules are forked."""

PYTHON_PATH = "PYTHONPATH"
PRELOADED = ("api", "domain", "eventstore", "projections", "subscriptions", "tests")

READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ")
"""Beginnings of variables that Python reads before it runs code."""

popen_of_python: Any = subprocess.Popen
FORK_EXEC = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]


class ForkServer:
    """The fork server of this process, started with the first program."""

    def __init__(self) -> None:
        self._requests, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = dict(os.environ)
        self._one_at_a_time = threading.Lock()
        command = [sys.executable, "-m", "tests.helpers.forking.server", str(other.fileno())]
        with other:
            self._process = popen_of_python(
                command,
                cwd=ROOT,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self._end)

    def _end(self) -> None:
        # The server ends when this end of its socket is closed.
        self._requests.close()
        self._process.wait()

    def fork(self, start: Start, standard: Sequence[int]) -> int:
        """Start the program as a child of this process; return its pid."""
        with self._one_at_a_time:
            LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
            try:
                start.send(self._requests, standard)
                return int(self._requests.recv(100))
            finally:
                # Orphans of programs under test are not to become children of pytest.
                LIBC.prctl(PR_SET_CHILD_SUBREAPER, 0)


fork_server = cache(ForkServer)


class ForkingPopen(subprocess.Popen[Any]):
    """Forks what is a program of nerve, and starts everything else as ever."""

    def _execute_child(self, *given: Any) -> None:
        call = FORK_EXEC.bind(self, *given).arguments
        start = _start_of(call)
        if start is None:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        ends = [call[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        standard = [own if end == -1 else end for own, end in enumerate(ends)]
        self.pid = fork_server().fork(start, standard)
        self._child_created = True
        names = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(call[name] for name in names))  # type: ignore[attr-defined]


def _start_of(call: Mapping[str, Any]) -> Start | None:
    """Return what the fork server is to start; None for other programs, and for those that differ from it."""
    command = call["args"]
    if isinstance(command, str | bytes | os.PathLike) or call["shell"] or call["preexec_fn"]:
        return None
    words = [os.fspath(word) for word in command]
    bound = words[:3] == [sys.executable, "-IS", str(LAUNCHER)]
    module = _module_of(words[4:] if bound else words)
    folder = os.path.realpath(call["cwd"] or os.getcwd())
    if module is None or folder != os.path.realpath(ROOT):
        return None
    environment = dict(os.environ if call["env"] is None else call["env"])
    paths = _other_paths(environment, fork_server().environment)
    if paths is None or _differs(environment, fork_server().environment):
        return None
    return Start(
        *module,
        environment,
        folder,
        paths,
        parent=os.getpid(),
        kept=sorted(call["pass_fds"]),
        bound=bound,
        own_session=call["start_new_session"],
    )


def _module_of(words: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """Return the module that the command runs and its arguments, if it is one of those that are forked."""
    if words[:1] == [NERVE]:
        words = [sys.executable, "-m", "api.cli", *words[1:]]
    if words[:2] != [sys.executable, "-m"]:
        return None
    module, arguments = words[2], words[3:]
    is_service = module == "api.cli" and arguments[:1] and arguments[0] in SERVICES
    return (module, arguments) if is_service or module.startswith(PROGRAMS) else None


def _other_paths(environment: Mapping[str, str], of_server: Mapping[str, str]) -> list[str] | None:
    """Return the folders of modules that only the program has; None if one has another nerve in it."""
    if environment.get(PYTHON_PATH) == of_server.get(PYTHON_PATH):
        return []
    folders = environment.get(PYTHON_PATH, "").split(os.pathsep)
    has_other = any(Path(folder, package).exists() for folder in folders for package in PRELOADED)
    return None if has_other else folders


def _differs(environment: Mapping[str, str], of_server: Mapping[str, str]) -> bool:
    """Return whether the environments differ in what Python reads when it starts."""
    return any(
        environment.get(name) != of_server.get(name)
        for name in {*environment, *of_server} - {PYTHON_PATH}
        if name.startswith(READ_AT_START)
    )


def install() -> None:
    """Use this class wherever this process starts others, if the kernel is one that can."""
    if sys.platform == "linux":
        subprocess.Popen = ForkingPopen  # type: ignore[misc]
