"""Serves one ASGI application on a listening socket it inherits: ``python -m tests.bench.serve FACTORY FD``.

Every contender of a benchmark over HTTP runs under the same settings of uvicorn and of the garbage collector,
those of `nerve serve`. The factory `NERVE` is nerve itself, with its own protocol for HTTP.
"""

from __future__ import annotations

import socket
import sys

import uvicorn
import uvloop

from api import server
from api.garbage import collect_less
from api.settings import load_settings

NERVE = "nerve"


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collect_less()


def main() -> None:
    factory, descriptor = sys.argv[1:]
    listener = socket.socket(fileno=int(descriptor))
    if factory == NERVE:
        uvloop.run(server.serve(load_settings(), listener))
        return
    config = uvicorn.Config(
        factory,
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    _Server(config).run([listener])


if __name__ == "__main__":
    main()
