"""The part of the tree of errors about limits: what was asked is too much, or too often. Pure."""

from __future__ import annotations

from typing import Any

from domain.kernel.errors import NerveError, Unavailable


class TooComplex(NerveError):
    """A request would cost more than is allowed; the client has to ask for less."""

    code = "TOO_COMPLEX"


class TooCostly(TooComplex):
    """An operation would cost more units than it may; `field` is the path of what costs most in it."""

    def __init__(self, cost: int, allowed: int, field: str) -> None:
        super().__init__(
            f"the operation costs {cost} and may cost {allowed}, and {field} costs most: ask for smaller "
            "pages, or in several operations"
        )
        self.cost = cost
        self.allowed = allowed
        self.field = field

    def details(self) -> dict[str, Any]:
        return {"cost": self.cost, "allowed": self.allowed, "field": self.field}


class ResponseLimitExceeded(TooComplex):
    """A response would hold more than one may, and it is arbitrary which part of it is complete."""


class ResponseTooLarge(ResponseLimitExceeded):
    """A response would have more bytes than one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a response has {limit} bytes at most; select fewer fields, or split the request")


class TooManyRows(ResponseLimitExceeded):
    """A response would have more rows than one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a response holds {limit} rows at most; ask for smaller pages, or in several")


class Overloaded(NerveError):
    """A bounded queue is full; nothing was stored. The client tries again with a growing pause."""

    code = "OVERLOADED"


class RateLimited(NerveError):
    """A client has too many requests, connections or operations; it waits, or ends one first.

    `retry_after` are the seconds after which the same request is accepted, where that is known.
    """

    code = "RATE_LIMITED"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def details(self) -> dict[str, Any]:
        return {} if self.retry_after is None else {"retryAfter": round(self.retry_after, 3)}


class OperationTimedOut(Unavailable):
    """An operation took too long and was ended; whether its commands were stored is unknown."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the operation was ended after {seconds:g} seconds: ask for less, or try again; "
            "a command is safe to send again with the same id"
        )
