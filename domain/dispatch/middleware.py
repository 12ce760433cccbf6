"""What happens around every command, whatever it is: checks, correlation, a log line, a measurement."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Protocol

from domain.dispatch.bus import Handler, Middleware
from domain.kernel.command import Envelope, Receipt
from domain.kernel.errors import ContextFault, NerveError, ValidationFailed
from domain.kernel.faults import traceback_text

Timer = Callable[[], float]
"""A monotonic clock in seconds, such as `time.perf_counter`."""

MAX_COMMAND_ID = 128

current_trace_id: ContextVar[str | None] = ContextVar("trace", default=None)
"""The trace id (32 hexadecimal digits, W3C Trace Context) that the caller sent along."""


class CommandMeter(Protocol):
    """Where measurements go."""

    def command(self, name: str, outcome: str, seconds: float) -> None:
        """A command was handled; `outcome` is ``stored``, ``replayed`` or an error's code."""


async def check_envelope(envelope: Envelope, following: Handler) -> Receipt:
    """Checks what the client says about the command; the command itself was checked when it was made."""
    given = envelope.command_id
    if given is not None and not 0 < len(given) <= MAX_COMMAND_ID:
        raise ValidationFailed(f"a command id has 1 to {MAX_COMMAND_ID} characters", ("commandId",))
    if envelope.expected_version is not None and envelope.expected_version < 0:
        raise ValidationFailed("a version is not negative; 0 is a new stream's", ("expectedVersion",))
    return await following(envelope)


async def correlate(envelope: Envelope, following: Handler) -> Receipt:
    """Correlates the command with the caller's trace, unless it has a correlation of its own."""
    caller = current_trace_id.get()
    if envelope.correlation is None and caller is not None:
        envelope = replace(envelope, correlation=caller)
    return await following(envelope)


def log_commands(logger: logging.Logger) -> Middleware:
    """Log each command: at debug when it was stored, at info when it was refused.

    A fault of the context is logged at error, with its traceback but without the text of what was raised.
    """

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        name = type(envelope.command).__name__
        try:
            receipt = await following(envelope)
        except ContextFault as fault:
            raised = fault.__cause__ or fault
            logger.error("%s failed: %s\n%s", name, fault, traceback_text(raised))
            fault.is_logged = True
            raise
        except NerveError as error:
            logger.info("%s refused: %s (%s)", name, error.code, envelope.command.target)
            raise
        logger.debug("%s stored: %s version %d", name, receipt.stream, receipt.version)
        return receipt

    return layer


def measure_commands(meter: CommandMeter, timer: Timer) -> Middleware:
    """Measures how long each command took and how it ended."""

    async def layer(envelope: Envelope, following: Handler) -> Receipt:
        started = timer()
        outcome = NerveError.code
        try:
            receipt = await following(envelope)
            outcome = "replayed" if receipt.replayed else "stored"
        except NerveError as error:
            outcome = error.code
            raise
        finally:
            meter.command(type(envelope.command).__name__, outcome, timer() - started)
        return receipt

    return layer
