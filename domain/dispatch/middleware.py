"""Middleware of the command bus: checks, correlation, logging and metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from domain.dispatch.bus import Handler, Middleware
from domain.dispatch.trace_context import current_trace_context
from domain.kernel.command import Envelope, Receipt
from domain.kernel.errors import ContextFault, NerveError, ValidationFailed
from domain.kernel.faults import traceback_text

Timer = Callable[[], float]
"""A monotonic clock in seconds, such as `time.perf_counter`."""

MAX_COMMAND_ID = 128


class CommandMeter(Protocol):
    """Receives the duration and outcome of each command."""

    def command(self, name: str, outcome: str, seconds: float) -> None:
        """Record that a command was handled; `outcome` is ``stored``, ``replayed`` or an error's code."""


async def check_envelope(envelope: Envelope, next_handler: Handler) -> Receipt:
    """Check command id and expected version; the command itself was validated when it was made."""
    command_id = envelope.command_id
    if command_id is not None and not (0 < len(command_id) <= MAX_COMMAND_ID and command_id.isprintable()):
        raise ValidationFailed(
            f"a command id has 1 to {MAX_COMMAND_ID} characters that can be printed", ("commandId",)
        )
    if envelope.expected_version is not None and envelope.expected_version < 0:
        raise ValidationFailed("a version is not negative; 0 is a new stream", ("expectedVersion",))
    return await next_handler(envelope)


def reserve_ids(prefixes: tuple[str, ...]) -> Middleware:
    """Refuse command ids that begin with one of these, except for commands that an event has caused.

    So no client can take the id of a command that a process is going to send.
    """

    async def layer(envelope: Envelope, next_handler: Handler) -> Receipt:
        command_id = envelope.command_id
        if command_id is not None and envelope.causation is None and command_id.startswith(prefixes):
            raise ValidationFailed(
                f"{command_id!r} may become the command id of a process; choose another one, such as a UUID",
                ("commandId",),
            )
        return await next_handler(envelope)

    return layer


async def correlate(envelope: Envelope, next_handler: Handler) -> Receipt:
    """Give the command the request's span, and its trace id as correlation id, where it has none."""
    context = current_trace_context.get()
    if context is not None:
        correlation = context.trace_id if envelope.correlation is None else envelope.correlation
        envelope = replace(envelope, correlation=correlation, span=envelope.span or context.pack())
    return await next_handler(envelope)


def log_commands(logger: logging.Logger) -> Middleware:
    """Log each command: at debug if it was stored, at info if it was refused.

    A fault of the context is logged at error, with its traceback but without the text of the exception.
    """

    async def layer(envelope: Envelope, next_handler: Handler) -> Receipt:
        name = type(envelope.command).__name__
        try:
            receipt = await next_handler(envelope)
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
    """Measure the duration of each command, and count outcomes."""

    async def layer(envelope: Envelope, next_handler: Handler) -> Receipt:
        started = timer()
        outcome = NerveError.code
        try:
            receipt = await next_handler(envelope)
            outcome = "replayed" if receipt.replayed else "stored"
        except NerveError as error:
            outcome = error.code
            raise
        finally:
            meter.command(type(envelope.command).__name__, outcome, timer() - started)
        return receipt

    return layer
