"""What the protocol of a connection asks of its socket."""

from __future__ import annotations

from typing import Protocol


class AcceptedSocket(Protocol):
    """The socket of a connection."""

    def close(self, code: int, reason: str) -> None:
        """Close the socket behind all that was written."""

    def initialise(self) -> None:
        """Note that the client was admitted."""
