"""Child processes that end when their parent ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from api.devserver.private_files import open_private

LAUNCHER = Path(__file__).with_name("launcher.py")


class ChildProcess:
    """A running command in its own session, with its output in a file or inherited.

    Because of the session, Ctrl-C in the terminal does not reach it: the parent stops its children in order.
    `keep` are file descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        output: Path | None = None,
        environment: Mapping[str, str] | None = None,
        keep: Iterable[int] = (),
    ) -> None:
        # The kernel kills the child when the thread that started it ends, and only the main thread lasts.
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{name} must be started from the main thread")
        self.name = name
        stdout: IO[bytes] | None = None if output is None else open_private(output)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", str(LAUNCHER), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=None if stdout is None else subprocess.STDOUT,
                env=None if environment is None else {**os.environ, **environment},
                pass_fds=tuple(keep),
                start_new_session=True,
            )
        finally:
            if stdout is not None:
                stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting."""
        self._process.terminate()

    def stop(self, grace: float) -> bool:
        """Send SIGTERM, and SIGKILL after `grace` seconds. Return whether SIGTERM was enough."""
        self.ask_to_stop()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.wait()
