"""Lists and ends connections of all API processes, which exchange messages over Redis.

A process asks, and each other one answers with a report of its own connections, or ends the connection that
the message names. Messages may be lost: then a report is missing, or an end is not confirmed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from api.access.admissions import Admissions
from api.connections.message_seal import MessageSeal
from api.connections.open_connections import MAX_REPORT, OpenConnections, ServerReport
from domain.kernel.errors import Forbidden, NotFound
from subscriptions.feed.wakeups import Wakeups

logger = logging.getLogger(__name__)

TOPIC = "connections"

ANSWERS_WITHIN = 0.3
"""Seconds that the reports of other processes are waited for: how many there are is not known."""

CONFIRMED_WITHIN = 2.0
"""Seconds that another process may take to end a connection."""

MAX_MESSAGE = 2 * MAX_REPORT
"""Characters of the longest sealed message that is read: the seal makes a report longer by a third."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    request: str


class _ReportRequest(_Message):
    kind: Literal["report"] = "report"
    limit: int
    subject: str | None


class _ReportReply(_Message):
    kind: Literal["reported"] = "reported"
    report: ServerReport


class _EndRequest(_Message):
    kind: Literal["end"] = "end"
    connection: str
    reason: str
    actor: str | None


class _EndReply(_Message):
    kind: Literal["ended"] = "ended"


_AnyMessage = Annotated[_ReportRequest | _ReportReply | _EndRequest | _EndReply, Field(discriminator="kind")]
_READER: TypeAdapter[_AnyMessage] = TypeAdapter(_AnyMessage)


class ConnectionDirectory:
    """The connections of all API processes that Redis reaches, and those of this one in any case."""

    def __init__(
        self, own: OpenConnections, admissions: Admissions, wakeups: Wakeups, seal: MessageSeal
    ) -> None:
        self.own = own
        self._admissions = admissions
        self._wakeups = wakeups
        self._seal = seal
        self._reports: dict[str, dict[str, ServerReport]] = {}
        self._ended: dict[str, asyncio.Event] = {}
        wakeups.subscribe(TOPIC, self._receive)

    async def reports(self, limit: int, subject: str | None = None) -> Sequence[ServerReport]:
        """Return the reports of all processes that answer, of this one first.

        Each has at most `limit` connections, those with the most bytes waiting first; with `subject` those of
        its callers alone.
        """
        request = uuid4().hex
        self._reports[request] = {}
        try:
            self._send(_ReportRequest(request=request, limit=limit, subject=subject))
            await asyncio.sleep(ANSWERS_WITHIN)
            others = self._reports[request].values()
        finally:
            del self._reports[request]
        return [self.own.report(limit, subject), *sorted(others, key=lambda report: report.server)]

    async def end(self, id: str, reason: str, actor: str | None) -> None:
        """End a connection; its client receives the reason.

        Raises NotFound if no process has confirmed that it had the connection.
        """
        if self._end_own(id, reason, actor):
            return
        if self.own.has_issued(id) or not await self._end_elsewhere(id, reason, actor):
            raise NotFound(
                f"no server has confirmed that it ended the connection {id!r}: it is closed already, or its "
                "server does not answer"
            )

    async def _end_elsewhere(self, id: str, reason: str, actor: str | None) -> bool:
        """Have another process end the connection; return whether one has confirmed it."""
        request = uuid4().hex
        ended = self._ended[request] = asyncio.Event()
        try:
            self._send(_EndRequest(request=request, connection=id, reason=reason, actor=actor))
            async with asyncio.timeout(CONFIRMED_WITHIN):
                return await ended.wait()
        except TimeoutError:
            return False
        finally:
            del self._ended[request]

    def _end_own(self, id: str, reason: str, actor: str | None) -> bool:
        """End a connection of this process; return whether it was open."""
        admission = self.own.find(id)
        if admission is None:
            return False
        caller = admission.caller
        logger.warning(
            "%s has ended the connection %s of %s in the tenant %s: %s",
            actor or "a caller without credentials", id, caller.subject or "a caller without credentials",
            caller.scope.tenant, reason,
        )  # fmt: skip
        self._admissions.end(admission, Forbidden(f"an operator has ended this connection: {reason}"))
        return True

    def _send(self, message: _Message) -> None:
        self._wakeups.publish(TOPIC, self._seal.seal(message.model_dump_json()))

    def _receive(self, sealed: str) -> None:
        """Handle a message. Any program may write to the channel, so what is no message is ignored."""
        text = self._seal.try_open(sealed) if len(sealed) <= MAX_MESSAGE else None
        if text is None:
            return
        try:
            message = _READER.validate_json(text)
        except ValidationError:
            # Another version of nerve has other messages.
            return
        match message:
            case _ReportRequest(request=request) if request not in self._reports:
                report = self.own.report(message.limit, message.subject)
                self._send(_ReportReply(request=request, report=report))
            case _ReportReply(request=request) if request in self._reports:
                # By server, because a message may come twice.
                self._reports[request][message.report.server] = message.report
            case _EndRequest(request=request, connection=id) if self.own.has_issued(id):
                if self._end_own(id, message.reason, message.actor):
                    self._send(_EndReply(request=request))
            case _EndReply(request=request) if request in self._ended:
                self._ended[request].set()
