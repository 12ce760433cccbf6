"""Commands that usually start their stream, on streams that other processes have started."""

from __future__ import annotations

from domain.agent_runs import context
from domain.agent_runs.commands import RecordSpans
from domain.agent_runs.events import SpanRecorded
from domain.agent_runs.spans import Span, SpanReport
from domain.kernel import Catalog
from tests.helpers.wired_bus import wired

CATALOG = Catalog([context])
TRACE = "0af7651916cd43dd8448eb211c80319c"


def record(*numbers: int) -> RecordSpans:
    spans = [Span(span_id=f"{number:016x}", name="step", start_nano=1, end_nano=2) for number in numbers]
    return RecordSpans(trace_id=TRACE, spans=tuple(SpanReport(span=span) for span in spans))


async def test_a_process_that_has_not_seen_a_stream_adds_to_its_events(mongo_url: str, database: str) -> None:
    """It decides for a new stream at first; then the version guard shows it the stored one."""
    async with (
        wired(mongo_url, database, catalog=CATALOG) as first,
        wired(mongo_url, database, catalog=CATALOG) as second,
        wired(mongo_url, database, catalog=CATALOG) as third,
    ):
        await first.send(record(1, 2))
        assert (await second.send(record(2, 3))).changed
        assert not (await third.send(record(1, 3))).changed
        assert (await first.send(record(4, 1))).changed
        payloads = [event.payload for event in await first.events()]
    recorded = [payload.span.span_id for payload in payloads if isinstance(payload, SpanRecorded)]
    assert recorded == [f"{number:016x}" for number in (1, 2, 3, 4)]
