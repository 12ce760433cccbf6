"""What the runtime of processes needs from outside: the adapters of outside ports."""

from __future__ import annotations

from typing import Any, Protocol

from domain.kernel.errors import NerveError
from domain.kernel.fields import Json
from domain.process import Request


class PortUnavailable(NerveError):
    """An outside port gave no definite answer; it may have carried out the request.

    `retry_after` is the pause in seconds that the port asked for, if any.
    """

    code = "UNAVAILABLE"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PortRefused(NerveError):
    """An outside port refused a request for good: sending it again would lead to the same answer.

    `reason` is the code that the port gave, such as ``card_declined``.
    """

    code = "PORT_REFUSED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PortAdapter(Protocol):
    """Sends the requests of one outside port."""

    async def call(self, key: str, request: Request[Any]) -> Json:
        """Send a request once, and return the reply as JSON, whose fields have the names of the API.

        `key` is the idempotency key: tenant and id of the effect. The request is sent again under the same
        key after PortUnavailable and after a restart, possibly while an earlier attempt is still under way,
        and must take effect once. The adapter limits the time of one attempt.

        Raises PortUnavailable if the request is to be sent again, PortRefused if not. Any other exception
        counts as PortUnavailable.
        """


class ProcessMeter(Protocol):
    """Receives what the runtime of processes does. `process` is the category of a process."""

    def step(self, process: str) -> None:
        """Count a reaction that was stored."""

    def effect(self, process: str, kind: str, outcome: str, seconds: float) -> None:
        """Record the outcome of an effect, and the time since it was stored.

        `kind` is ``command``, ``call``, ``child`` or ``deadline``; `outcome` is ``done`` or the code of the
        refusal.
        """

    def retry(self, process: str, kind: str) -> None:
        """Count an attempt without a definite outcome, after which another one follows."""

    def circuit(self, port: str, is_open: bool) -> None:
        """Record that the circuit of an outside port has opened or closed."""
