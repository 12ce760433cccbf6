"""Runs mongod and redis-server as child processes, on loopback, with their data in a folder.

Each server has a generated secret in a file of its folder, because every program on the machine can connect
to loopback. Only the user who runs the server can read the folder.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis
from redis.exceptions import RedisError

from api.devserver.binaries import Program, find_program
from api.devserver.child import ChildProcess
from api.devserver.private_files import keep_secret, make_private_folder, write_private
from api.devserver.replica_set import NAME, configure_members, open_as_member, set_user
from domain.kernel.errors import ConfigurationError

START_DEADLINE = 60.0
"""Seconds a server may take to start; after a crash, mongod first recovers from its journal."""

STOP_GRACE = 10.0
"""Seconds a server may take to stop after SIGTERM."""

LOOPBACK = "127.0.0.1"

PORTS = range(20_000, 32_768)
"""Ports for servers. Systems give higher ones to connections, and to programs that bind port 0."""

USER = "embedded"
"""The user of an embedded mongod; as the owner of its files, it may do everything with its data."""

LIBRARY_MISSING = 127  # the dynamic loader's exit code


def free_port() -> int:
    """Return a loopback port that is free, and stays free for a server that is started or restarted on it."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


class EmbeddedServer(ABC):
    """A server with its data in `folder`. It keeps its port when it is stopped and started again.

    `keep` are file descriptors that stay open as long as the server runs. `secret` is for servers that share
    one; by default the server has its own.
    """

    program: ClassVar[Program]

    def __init__(self, folder: Path, *, keep: Iterable[int] = (), secret: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._keep = tuple(keep)
        self._shared_secret = secret
        self.child: ChildProcess | None = None

    @cached_property
    def secret(self) -> str:
        """The generated secret, hexadecimal; it stays the same for the life of the folder."""
        make_private_folder(self.folder)
        return keep_secret(self._secret_file, lambda: self._shared_secret or secrets.token_hex(32))

    @property
    def _secret_file(self) -> Path:
        return self.folder / "secret"

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
        make_private_folder(self.folder)
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
    """MongoDB as a replica set with one member; its journal preserves acknowledged writes in a crash.

    The secret is the key of the replica set. The password of the only user is derived from it.
    """

    program = "mongod"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"mongodb://{self.credentials}@{self.address}/?directConnection=true"

    @property
    def credentials(self) -> str:
        """Name and password of the user, as URLs contain them."""
        return f"{USER}:{self._password}"

    @property
    def _password(self) -> str:
        return hashlib.sha256(f"{USER}:{self.secret}".encode()).hexdigest()

    def _arguments(self) -> list[str]:
        assert self.secret  # The file exists from now on.
        # Without the first parameters, a shutdown waits 15 s for another member to take over, and files of
        # what was dropped stay open for 5 minutes, for reads of the past that nerve does not make.
        options = {
            "--replSet": NAME,
            "--bind_ip": LOOPBACK,
            "--port": str(self.port),
            "--dbpath": str(self.folder),
            "--keyFile": str(self._secret_file),
            "--oplogSize": "256",
            "--wiredTigerCacheSizeGB": "0.5",
        }
        parameters = (
            "shutdownTimeoutMillisForSignaledShutdown=0",
            "minSnapshotHistoryWindowInSeconds=5",
            "diagnosticDataCollectionEnabled=false",
            # Otherwise any program could make the first user.
            "enableLocalhostAuthBypass=false",
            # The lowest number: rounds protect weak passwords, and cost time at each connection.
            "scramSHA256IterationCount=5000",
        )
        arguments = [part for option in options.items() for part in option]
        arguments += [part for parameter in parameters for part in ("--setParameter", parameter)]
        return [*arguments, "--auth", "--noscripting", "--nounixsocket", "--quiet"]

    def as_member(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a client with the rights of a member of the replica set, which needs no user."""
        return open_as_member(self.address, self.secret, **options)

    def make_user(self, client: MongoClient[dict[str, Any]]) -> None:
        """Create the user of the URL, or set its password."""
        set_user(client, USER, self._password)

    def _ready(self) -> bool:
        if not self._listening():
            return False
        try:
            with self.as_member(serverSelectionTimeoutMS=500) as client:
                if not client.admin.command("hello").get("isWritablePrimary"):
                    configure_members(client, [self.address])
                    return False
                self.make_user(client)
        except PyMongoError:
            return False
        return True

    def _listening(self) -> bool:
        """Return whether the server accepts connections; a client would wait half a second for the answer."""
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0


class RedisServer(EmbeddedServer):
    """Redis for wake-ups only. It stores nothing on disk, because every message may be lost."""

    program = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://:{self.secret}@{LOOPBACK}:{self.port}"

    def _arguments(self) -> list[str]:
        # The password is in a file, because other users can read the arguments of a process.
        file = self.folder / "redis.conf"
        write_private(file, f"requirepass {self.secret}\n")
        options = {"--bind": LOOPBACK, "--port": str(self.port), "--dir": str(self.folder), "--save": ""}
        return [str(file), *(part for option in options.items() for part in option)]

    def _ready(self) -> bool:
        client = Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()
