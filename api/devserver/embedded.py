"""mongod and redis-server as children of this process, on loopback, with their data in a folder."""

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
"""Seconds a server may take to be ready; mongod reads its journal back after a crash."""

STOP_GRACE = 10.0
"""Seconds a server gets to end in order."""

LOOPBACK = "127.0.0.1"
LIBRARY_MISSING = 127  # the dynamic loader's exit code


def free_port() -> int:
    """A loopback port that nothing listened on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedServer(ABC):
    """One server with its data in `folder`. It keeps its port over a stop and a start.

    `keep` are file descriptors that the server holds open as long as it lives.
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
        """What a client connects to."""

    @abstractmethod
    def _arguments(self) -> list[str]: ...

    @abstractmethod
    def _ready(self) -> bool:
        """True once it serves; may do what is missing for that. Called again and again."""

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        return self._running().exit_code

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Start it and wait until it serves; `meanwhile` is called again and again, and may raise to give up.

        Raises ConfigurationError where it does not serve.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [find_program(self.program), *self._arguments()]
        self.child = ChildProcess(self.program, command, output=self._output, keep=self._keep)
        deadline = time.monotonic() + START_DEADLINE
        while not self._ready():
            if self.exit_code is not None:
                raise ConfigurationError(self._why_not())
            if time.monotonic() > deadline:
                self.kill()
                raise ConfigurationError(
                    f"{self.program} was not ready after {START_DEADLINE:.0f} seconds; see {self._output}"
                )
            meanwhile()
            time.sleep(0.02)

    def stop(self) -> bool:
        """End it in order, with SIGKILL where that takes too long. True where it went by itself."""
        return self._running().stop(STOP_GRACE)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running().kill()

    def _running(self) -> ChildProcess:
        if self.child is None:
            raise RuntimeError(f"{self.program} was not started")
        return self.child

    @property
    def _output(self) -> Path:
        return self.folder / f"{self.program}.log"

    def _why_not(self) -> str:
        last = self._output.read_text(errors="replace").strip().rpartition("\n")[2]
        if self.exit_code == LIBRARY_MISSING:
            return (
                f"{self.program} lacks a shared library ({last.rpartition('libraries: ')[2]}); install it, on"
                " Debian and Ubuntu with: apt-get install libcurl4 libssl3 liblzma5"
            )
        return (
            f"{self.program} ended at its start with exit code {self.exit_code}; see {self._output}: {last}"
        )


class Mongod(EmbeddedServer):
    """MongoDB as a replica set of one: journaled, so that a killed one has all that it acknowledged."""

    program = "mongod"

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/?directConnection=true"

    def _arguments(self) -> list[str]:
        # The shutdown would wait 15 s for another member to take over, and there is none.
        options = {
            "--replSet": NAME,
            "--bind_ip": LOOPBACK,
            "--port": str(self.port),
            "--dbpath": str(self.folder),
            "--oplogSize": "256",
            "--wiredTigerCacheSizeGB": "0.5",
        }
        parameters = ("shutdownTimeoutMillisForSignaledShutdown=0", "diagnosticDataCollectionEnabled=false")
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
    """Redis for wake-ups alone: it keeps nothing on disk, since every message may be lost."""

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
