"""Runs mongod and redis-server as child processes, on loopback, with their data in a folder."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from api.devserver.binaries import Program, find_program
from api.devserver.child import ChildProcess
from api.devserver.replica_set import NAME, configure_members
from domain.kernel.errors import ConfigurationError

START_DEADLINE = 60.0
"""Seconds a server may take to start; after a crash, mongod first recovers from its journal."""

STOP_GRACE = 10.0
"""Seconds a server may take to stop after SIGTERM."""

LOOPBACK = "127.0.0.1"
LIBRARY_MISSING = 127  # the dynamic loader's exit code


def free_port() -> int:
    """Return a loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedServer(ABC):
    """A server with its data in `folder`. It keeps its port when it is stopped and started again.

    `keep` are file descriptors that stay open as long as the server runs.
    """

    program: ClassVar[Program]

    def __init__(self, folder: Path, *, keep: Iterable[int] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self._keep = tuple(keep)
        self.child: ChildProcess | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for clients."""

    @abstractmethod
    def _arguments(self) -> list[str]: ...

    @abstractmethod
    def _ready(self) -> bool:
        """Return whether the server accepts requests, and initialize it if necessary. It is polled."""

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        return self._running().exit_code

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Start the server and wait until it accepts requests.

        `meanwhile` is called repeatedly and may raise to stop waiting. Raises ConfigurationError where the
        server does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [find_program(self.program), *self._arguments()]
        self.child = ChildProcess(self.program, command, output=self._output, keep=self._keep)
        deadline = time.monotonic() + START_DEADLINE
        while not self._ready():
            if self.exit_code is not None:
                raise ConfigurationError(self._describe_failure())
            if time.monotonic() > deadline:
                self.kill()
                raise ConfigurationError(
                    f"{self.program} was not ready after {START_DEADLINE:.0f} seconds; see {self._output}"
                )
            meanwhile()
            time.sleep(0.02)

    def stop(self) -> bool:
        """Stop the server, with SIGKILL if it takes too long. Return whether SIGTERM was enough."""
        return self._running().stop(STOP_GRACE)

    def kill(self) -> None:
        """Kill the server, as in a crash."""
        self._running().kill()

    def _running(self) -> ChildProcess:
        if self.child is None:
            raise RuntimeError(f"{self.program} was not started")
        return self.child

    @property
    def _output(self) -> Path:
        return self.folder / f"{self.program}.log"

    def _describe_failure(self) -> str:
        last = self._output.read_text(errors="replace").strip().rpartition("\n")[2]
        if self.exit_code == LIBRARY_MISSING:
            return (
                f"{self.program} needs a library ({last.rpartition('libraries: ')[2]}); install it, on"
                " Debian and Ubuntu with: apt-get install libcurl4 libssl3 liblzma5"
            )
        return (
            f"{self.program} ended while starting, with exit code {self.exit_code};"
            f" see {self._output}: {last}"
        )


class Mongod(EmbeddedServer):
    """MongoDB as a replica set with one member; its journal preserves acknowledged writes in a crash."""

    program = "mongod"

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/?directConnection=true"

    def _arguments(self) -> list[str]:
        # Without these, a shutdown waits 15 s for another member to take over, and files of what was dropped
        # stay open for 5 minutes, for reads of the past that nerve does not make.
        options = {
            "--replSet": NAME,
            "--bind_ip": LOOPBACK,
            "--port": str(self.port),
            "--dbpath": str(self.folder),
            "--oplogSize": "256",
            "--wiredTigerCacheSizeGB": "0.5",
        }
        parameters = (
            "shutdownTimeoutMillisForSignaledShutdown=0",
            "minSnapshotHistoryWindowInSeconds=5",
            "diagnosticDataCollectionEnabled=false",
        )
        arguments = [part for option in options.items() for part in option]
        arguments += [part for parameter in parameters for part in ("--setParameter", parameter)]
        return [*arguments, "--nounixsocket", "--quiet"]

    def _ready(self) -> bool:
        client: MongoClient[dict[str, Any]] = MongoClient(self.url, serverSelectionTimeoutMS=500)
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return True
            configure_members(client, [f"{LOOPBACK}:{self.port}"])
        except PyMongoError:
            return False
        finally:
            client.close()
        return False


class RedisServer(EmbeddedServer):
    """Redis for wake-ups only. It stores nothing on disk, because every message may be lost."""

    program = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}"

    def _arguments(self) -> list[str]:
        options = {"--bind": LOOPBACK, "--port": str(self.port), "--dir": str(self.folder), "--save": ""}
        return [part for option in options.items() for part in option]

    def _ready(self) -> bool:
        client = Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()
