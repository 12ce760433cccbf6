from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class CuttingProxy:
    """Passes TCP connections on to `target`, a port of this machine, until `cut_off` resets them.

    Another `target` counts for connections from then on.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._reset()
            server.close()
            await server.wait_closed()

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """Reset every connection, as a dying network does, and let new ones wait until the block ends."""
        assert self._open, "there is nothing to cut"
        self._passable.clear()
        self._reset()
        yield
        self._passable.set()

    def _reset(self) -> None:
        for end in self._open:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passable.wait()
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ends = {writer, upstream_writer}
        self._open |= ends
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))
        self._open -= ends


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.transport.abort()
