"""What processes tell each other over Redis of a command that somebody watches: hints, which may be missing.

Whoever watches asks once. A process that runs the command, or has refused it lately, answers; one that is to
run it later has been asked then, and tells. So a command that nobody watches costs no message. That a command
is stored is no hint: the log says so.

A message is JSON: ``{"tenant", "id", "is": "asked" | "accepted" | "refused" | "unchanged", …}``.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import NerveError, Unavailable
from subscriptions.feed.wakeups import Wakeups

TOPIC = "commands"

ASKED = 10_000
"""Commands that a process was asked of and keeps in mind; the oldest are forgotten first."""

ENDED = 1_000
"""Commands that came to nothing and are kept in mind, for who asks afterwards."""


class CommandKey(NamedTuple):
    """A command id means nothing outside its tenant."""

    tenant: str
    id: str


class CommandAccepted(NamedTuple):
    """A process has begun to run the command."""


class CommandRefused(NamedTuple):
    """A run of the command stored nothing; why, as an error's code and message."""

    code: str
    message: str


class CommandUnchanged(NamedTuple):
    """A run of the command found nothing to change, and stored nothing; the receipt that it was answered."""

    receipt: Receipt


CommandHint = CommandAccepted | CommandRefused | CommandUnchanged
HintListener = Callable[[CommandHint], None]


class CommandHints:
    """This process's share: a middleware around the commands that it runs, and an ear for those who watch."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._running: Counter[CommandKey] = Counter()
        self._asked: OrderedDict[CommandKey, None] = OrderedDict()
        self._ended: OrderedDict[CommandKey, CommandHint] = OrderedDict()
        self._watching: dict[CommandKey, set[HintListener]] = {}
        wakeups.subscribe(TOPIC, self._hear)

    async def __call__(self, envelope: Envelope, following: Handler) -> Receipt:
        """Tells what becomes of a command whose id its client knows."""
        if envelope.command_id is None:
            return await following(envelope)
        key = CommandKey(envelope.scope.tenant, envelope.command_id)
        with self._run(key):
            try:
                receipt = await following(envelope)
            except Unavailable:
                # Whether it is stored is not known; the log will tell.
                raise
            except NerveError as error:
                self._end(key, CommandRefused(error.code, str(error)))
                raise
        if not receipt.changed:
            self._end(key, CommandUnchanged(receipt))
        return receipt

    @contextmanager
    def watching(self, key: CommandKey, told: HintListener) -> Iterator[None]:
        """Ask every process for hints of the command; `told` is called with each, inside the context."""
        self._watching.setdefault(key, set()).add(told)
        try:
            if (known := self._known(key)) is not None:
                told(known)
            self._send(key, "asked")
            yield
        finally:
            self._watching[key].discard(told)
            if not self._watching[key]:
                del self._watching[key]

    @contextmanager
    def _run(self, key: CommandKey) -> Iterator[None]:
        self._running[key] += 1
        self._ended.pop(key, None)
        self._tell(key, CommandAccepted())
        try:
            yield
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]

    def _end(self, key: CommandKey, hint: CommandHint) -> None:
        _keep(self._ended, key, hint, ENDED)
        self._tell(key, hint)

    def _known(self, key: CommandKey) -> CommandHint | None:
        return CommandAccepted() if self._running[key] else self._ended.get(key)

    def _tell(self, key: CommandKey, hint: CommandHint) -> None:
        self._deliver(key, hint)
        if key in self._asked:
            self._answer(key, hint)

    def _deliver(self, key: CommandKey, hint: CommandHint) -> None:
        for told in list(self._watching.get(key, ())):
            told(hint)

    def _answer(self, key: CommandKey, hint: CommandHint) -> None:
        match hint:
            case CommandAccepted():
                self._send(key, "accepted")
            case CommandRefused(code, message):
                self._send(key, "refused", code=code, message=message)
            case CommandUnchanged(receipt):
                self._send(
                    key,
                    "unchanged",
                    stream=receipt.stream,
                    version=receipt.version,
                    position=receipt.position,
                    correlation=receipt.correlation,
                )

    def _send(self, key: CommandKey, what: str, **more: Any) -> None:
        self._wakeups.publish(TOPIC, json.dumps({"tenant": key.tenant, "id": key.id, "is": what, **more}))

    def _hear(self, text: str) -> None:
        """Anybody may write to the channel: what is no message is passed over."""
        match _read(text):
            case CommandKey() as key, None:
                _keep(self._asked, key, None, ASKED)
                if (known := self._known(key)) is not None:
                    self._answer(key, known)
            case CommandKey() as key, hint:
                self._deliver(key, hint)


def _read(text: str) -> tuple[CommandKey, CommandHint | None] | None:
    """The command and the hint of it, no hint where it is a question; None where it is neither."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    match said:
        case {"tenant": str(tenant), "id": str(id), "is": "asked"}:
            return CommandKey(tenant, id), None
        case {"tenant": str(tenant), "id": str(id), "is": "accepted"}:
            return CommandKey(tenant, id), CommandAccepted()
        case {"tenant": str(tenant), "id": str(id), "is": "refused", "code": str(code), "message": str(why)}:
            return CommandKey(tenant, id), CommandRefused(code, why)
        case {
            "tenant": str(tenant), "id": str(id), "is": "unchanged",
            "stream": str(stream), "version": int(version), "position": int(position),
            "correlation": str(correlation),
        }:  # fmt: skip
            receipt = Receipt(id, stream, version, position, correlation, changed=False)
            return CommandKey(tenant, id), CommandUnchanged(receipt)
    return None


def _keep(kept: OrderedDict[CommandKey, Any], key: CommandKey, value: Any, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
