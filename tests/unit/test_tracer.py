"""Spans are exported in the background; a collector that is away delays nothing but the end, for a moment."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from api.tracing import tracer as tracer_module
from api.tracing.tracer import open_tracer
from api.tracing_settings import TracingSettings
from tests.helpers.span_collector import SpanCollector, collecting


@pytest.fixture(scope="module")
def collector() -> Iterator[SpanCollector]:
    """A collector of the module."""
    with collecting() as collector:
        yield collector


async def exported(collector: SpanCollector, name: str, **settings: object) -> bool:
    """Whether a span of this name gets to the collector from a process with these settings."""
    tracing = TracingSettings.model_validate({"endpoint": collector.url, **settings})
    async with open_tracer(tracing) as tracer:
        tracer.start_span(name).end()
    return name in [span.name for span in collector.spans]


async def test_spans_are_exported_with_the_headers(collector: SpanCollector) -> None:
    """The last ones when the process ends."""
    assert await exported(collector, "one", headers=SecretStr("x-key=sesame"))
    assert collector.headers[-1]["x-key"] == "sesame"


async def test_the_ratio_is_that_of_new_traces(collector: SpanCollector) -> None:
    """With 0 none is recorded."""
    assert not await exported(collector, "unsampled", ratio=0)


@pytest.mark.parametrize(
    ("setting", "variable", "name"),
    [(None, None, "nerve"), (None, "variable", "variable"), ("setting", "variable", "setting")],
)
async def test_the_service_has_the_name_of_the_setting_or_of_the_variable(
    collector: SpanCollector,
    setting: str | None,
    variable: str | None,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By default it is nerve."""
    if variable is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", variable)
    assert await exported(collector, f"span of {name}", service_name=setting)
    assert collector.spans[-1].service == name


@pytest.mark.parametrize("listens", [False, True], ids=["refuses", "does-not-answer"])
async def test_no_work_waits_for_a_collector_that_is_away(
    listens: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its port is closed, or nothing answers there."""
    monkeypatch.setattr(tracer_module, "STOP_WITHIN", 0.2)
    with socket.socket() as listener, caplog.at_level(logging.CRITICAL):
        listener.bind(("127.0.0.1", 0))
        if listens:
            listener.listen()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        async with open_tracer(TracingSettings(endpoint=endpoint)) as tracer:
            for _ in range(5_000):
                tracer.start_span("lost").end()
        assert time.monotonic() - started < 5
