"""What tests share beside fixtures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from api.devserver.embedded import EmbeddedServer, Mongod, RedisServer

S = TypeVar("S", bound=EmbeddedServer)


class Servers:
    """Private servers for a test that stops, kills or pauses them; all end with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[EmbeddedServer] = []

    def mongod(self) -> Mongod:
        return self._start(Mongod)

    def redis(self) -> RedisServer:
        return self._start(RedisServer)

    def _start(self, kind: type[S]) -> S:
        server = kind(self._folder / f"{kind.program}-{len(self._started)}")
        self._started.append(server)
        server.start()
        return server

    def kill_all(self) -> None:
        for server in self._started:
            server.kill()


def at_port(url: str, port: int) -> str:
    """Return the URL of a server with another port, such as that of a proxy; user and password stay."""
    address = urlsplit(url)
    return address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{port}").geturl()


def eventually(condition: Callable[[], bool], seconds: float = 60.0, every: float = 0.05) -> None:
    """Wait until the condition holds, for a test that is no coroutine; fails after `seconds`.

    It is checked `every` so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} seconds: {condition}"
        time.sleep(every)
