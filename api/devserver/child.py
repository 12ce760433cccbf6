"""A process that this one started and that must not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launcher.py")


class ChildProcess:
    """A running command, with its output in a file or inherited, in a session of its own.

    The session keeps a Ctrl-C in the terminal from reaching it: its parent decides the order of the end.
    `keep` are file descriptors it inherits.
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
        # The kernel ties a child to the thread that started it, and only the main one lasts.
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{name} must be started from the main thread")
        self.name = name
        sink: IO[bytes] | None = None if output is None else output.open("wb")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-IS", str(LAUNCHER), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=None if sink is None else subprocess.STDOUT,
                env=None if environment is None else {**os.environ, **environment},
                pass_fds=tuple(keep),
                start_new_session=True,
            )
        finally:
            if sink is not None:
                sink.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and do not wait."""
        self._process.terminate()

    def stop(self, grace: float) -> bool:
        """End it: SIGTERM, and SIGKILL after `grace` seconds. True where it went by itself."""
        self.ask_to_stop()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """End it with SIGKILL and reap it."""
        self._process.kill()
        self._process.wait()
