"""The machine as the benchmarks use it: which process runs on which core, and the servers under them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, Mongod, RedisServer

CORES = sorted(os.sched_getaffinity(0))
SUBJECT = set(CORES[:1])
"""Where what is measured runs, alone."""
REST = set(CORES[1:]) or SUBJECT
"""Where the load generator and the databases run."""

STOP_GRACE = 10.0


def pin(cores: Collection[int]) -> None:
    """Bind this process to `cores`: its threads, and all threads and processes it starts from here on."""
    for thread in os.listdir("/proc/self/task"):
        # It may have ended since it was listed.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), cores)


def asgi_command(factory: str) -> tuple[str, ...]:
    """Return the command that serves the ASGI application that ``module:function`` makes."""
    return (sys.executable, "-m", "tests.bench.serve", factory)


class Machine:
    """One mongod and one redis-server for a whole run, and applications served beside them."""

    def __init__(self, folder: Path) -> None:
        self._mongod = Mongod(folder / "mongo")
        self._redis = RedisServer(folder / "redis")

    @contextmanager
    def running(self) -> Iterator[Machine]:
        """Start the databases, and end them. This process leaves the subject's core, and they do with it."""
        pin(REST)
        started: list[Mongod | RedisServer] = []
        try:
            for server in (self._mongod, self._redis):
                server.start()
                started.append(server)
            yield self
        finally:
            for server in started:
                server.stop()

    @property
    def mongo_url(self) -> str:
        return self._mongod.url

    @property
    def redis_url(self) -> str:
        return self._redis.url

    def settings(self, database: str) -> dict[str, str]:
        """The environment that makes nerve use these servers."""
        return {
            "NERVE_MONGO_URL": self.mongo_url,
            "NERVE_REDIS_URL": self.redis_url,
            "NERVE_DATABASE": database,
            "NERVE_LOG_LEVEL": "warning",
        }

    @contextmanager
    def serving(self, factory: str, environment: Mapping[str, str]) -> Iterator[int]:
        """Serve the ASGI application that ``module:function`` makes; yields its port."""
        with self.listening(factory, asgi_command(factory), environment) as port:
            yield port

    @contextmanager
    def listening(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
        """Run a server whose last argument is the descriptor of its socket; yields the port.

        The socket listens before the process starts, so the first request simply waits for it.
        """
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            listener.listen(512)
            descriptor = listener.fileno()
            with on_subject_core():
                child = ChildProcess(
                    name, [*command, str(descriptor)], environment=environment, keep=(descriptor,)
                )
            port: int = listener.getsockname()[1]
        try:
            yield port
        finally:
            child.stop(STOP_GRACE)

    @contextmanager
    def working(self, environment: Mapping[str, str]) -> Iterator[None]:
        """A worker process beside what is measured, on the same core."""
        with on_subject_core():
            child = ChildProcess(
                "worker", [sys.executable, "-m", "api.cli", "worker"], environment=environment
            )
        try:
            yield
        finally:
            child.stop(STOP_GRACE)


@contextmanager
def on_subject_core() -> Iterator[None]:
    """Within it this process, and what it starts, is what is measured and not what makes the load."""
    pin(SUBJECT)
    try:
        yield
    finally:
        pin(REST)
