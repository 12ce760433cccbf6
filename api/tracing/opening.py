"""Tracing a process as its settings say; without them OpenTelemetry's SDK is not imported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from api.instruments import NO_INSTRUMENTS, Instruments
from api.tracing_settings import TracingSettings
from domain.kernel.errors import ConfigurationError
from eventstore.mongo.driver import Database


@dataclass(frozen=True)
class Tracing:
    """How a process is traced; by default it is not.

    `make_instruments` makes its instruments over the database of the log, `tracer` is OpenTelemetry's.
    """

    make_instruments: Callable[[Database], Instruments] = lambda _database: NO_INSTRUMENTS
    tracer: Any = None


@asynccontextmanager
async def open_tracing(settings: TracingSettings | None) -> AsyncIterator[Tracing]:
    """Yield how a process with these settings is traced. At the end its last spans are exported.

    Raises ConfigurationError where OpenTelemetry is not installed.
    """
    if settings is None:
        yield Tracing()
        return
    check_installed()
    from api.tracing.tracer import open_tracer
    from api.tracing.tracing_instruments import TracingInstruments

    async with open_tracer(settings) as tracer:
        yield Tracing(partial(TracingInstruments, tracer), tracer)


def check_installed() -> None:
    """Raise ConfigurationError where OpenTelemetry is not installed.

    It is an extra, because redis-py imports its metrics wherever it is, which takes a tenth of a second.
    """
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "tracing needs OpenTelemetry, which is not installed; install nerve[tracing]"
        ) from None
