"""The tracer of a process, which exports spans in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME
from opentelemetry.trace import Tracer

from api.tracing_settings import TracingSettings

STOP_WITHIN = 2.0
"""Longest time in seconds that the end of a process waits for its last spans to be exported."""


@asynccontextmanager
async def open_tracer(settings: TracingSettings) -> AsyncIterator[Tracer]:
    """Yield a tracer. Its spans are exported in batches by a thread, and dropped where they are too many.

    Nothing waits for the collector but the end, for a moment.
    """
    exporter: SpanExporter = OTLPSpanExporter(settings.traces_url, headers=settings.header_values)
    provider = TracerProvider(
        _sampler(settings.ratio), _resource(settings.service_name), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider.get_tracer("nerve")
    finally:
        # A daemon, so that a collector that does not answer cannot keep the process from ending.
        stopping = Thread(target=provider.shutdown, name="the end of tracing", daemon=True)
        stopping.start()
        await asyncio.to_thread(stopping.join, STOP_WITHIN)
        if stopping.is_alive():
            exporter.shutdown()


def _sampler(ratio: float | None) -> Sampler | None:
    """Return the sampler of the ratio, which follows the parent where there is one; None for the SDK's."""
    return None if ratio is None else ParentBased(TraceIdRatioBased(ratio))


def _resource(service_name: str | None) -> Resource:
    """Return what all spans of this process say of it. The setting goes before the variables `OTEL_*`."""
    detected = OTELResourceDetector().detect().attributes
    return Resource.create({SERVICE_NAME: service_name or detected.get(SERVICE_NAME, "nerve")})
