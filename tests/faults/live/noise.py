"""A way to Redis on which messages get lost, come twice, and come in another order.

``python -m tests.faults.live.noise PORT TARGET SEED``: passes on what clients send, and all answers; each
message of a channel meets one of `FATES`. While Redis is down, whoever connects is cut off.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from random import Random

from api.devserver.embedded import LOOPBACK

FATES = {"passed on": 55, "lost": 15, "doubled": 15, "held back": 15}
"""Of a hundred messages."""

HELD = 6
"""Messages that are held back at most before they go out, in any order."""

PATIENCE = 0.3
"""Seconds that a message is held back at most."""

MESSAGES = (b"message", b"smessage", b"pmessage")
BLOCK = 65_536


class RedisReplies:
    """What Redis sends on one connection, answer by answer (RESP 2 and 3)."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self) -> tuple[bytes, bool]:
        """One whole answer as it came, and whether it is a message of a channel."""
        head = await self._line()
        if head[:1] not in b"*>":
            return await self._rest(head), False
        parts = [await self._one() for _ in range(int(head[1:]))]
        kind = parts[0].split(b"\r\n")[1] if parts and parts[0][:1] == b"$" else b""
        return head + b"".join(parts), kind in MESSAGES

    async def _one(self) -> bytes:
        return await self._rest(await self._line())

    async def _rest(self, head: bytes) -> bytes:
        kind, size = head[:1], head[1:].strip()
        if kind in b"$=!" and int(size) >= 0:
            return head + await self._reader.readexactly(int(size) + 2)
        if kind in b"*>~%":
            count = max(0, int(size)) * (2 if kind == b"%" else 1)
            return head + b"".join([await self._one() for _ in range(count)])
        return head

    async def _line(self) -> bytes:
        return await self._reader.readuntil(b"\r\n")


class Noise:
    """The messages of one connection on their way to a client."""

    def __init__(self, writer: asyncio.StreamWriter, chance: Random) -> None:
        self._writer = writer
        self._chance = chance
        self._held: list[bytes] = []

    def take(self, message: bytes) -> None:
        """Do to the message what chance wants."""
        [fate] = self._chance.choices(list(FATES), list(FATES.values()))
        if fate == "held back":
            if not self._held:
                asyncio.get_running_loop().call_later(PATIENCE, self._let_go)
            self._held.append(message)
            if len(self._held) >= HELD:
                self._let_go()
        elif fate != "lost":
            self._writer.write(message * (2 if fate == "doubled" else 1))

    def _let_go(self) -> None:
        self._chance.shuffle(self._held)
        if not self._writer.is_closing():
            self._writer.write(b"".join(self._held))
        self._held.clear()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(BLOCK):
        writer.write(block)
        await writer.drain()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: Random) -> None:
    answers, noise = RedisReplies(reader), Noise(writer, chance)
    while True:
        answer, is_message = await answers.next()
        if is_message:
            noise.take(answer)
        else:
            writer.write(answer)
        await writer.drain()


async def main(port: int, target: int, seed: int) -> None:
    """Serve until the process is ended."""
    chance = Random(seed)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            redis_reader, redis_writer = await asyncio.open_connection(LOOPBACK, target)
            ways = [
                asyncio.ensure_future(_pass_on(reader, redis_writer)),
                asyncio.ensure_future(_answer(redis_reader, writer, chance)),
            ]
            # Whichever side ends first ends both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            redis_writer.close()
        writer.close()

    server = await asyncio.start_server(connected, LOOPBACK, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
