"""Reads and makes the frames of a socket that speaks graphql-transport-ws."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

SUBPROTOCOL = "graphql-transport-ws"


class FrameParser(ServerProtocol):
    """Reads and makes frames of at most `max_message` bytes."""

    def __init__(self, max_message: int) -> None:
        super().__init__(subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=max_message)

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Return the one that is served, if it is offered.

        A handshake without it is accepted too: only an open socket can be closed with the code 4406.
        """
        return next((name for name in subprotocols if name == SUBPROTOCOL), None)
