"""The codes by which sockets are closed: those of RFC 6455 and of graphql-transport-ws."""

from __future__ import annotations

INVALID_TEXT = 1007
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
BAD_REQUEST = 4400
UNAUTHORIZED = 4401
"""For credentials that are missing or not accepted. Clients such as graphql-ws do not connect again."""
FORBIDDEN = 4403
"""For access that has ended. Clients connect again, with new credentials."""
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_REQUESTS = 4429
"""The protocol has it for a second `connection_init`; here also for a client that floods its socket."""


class ProtocolViolation(Exception):
    """The client violated the protocol, or is not admitted; the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
