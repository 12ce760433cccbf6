"""The official SDK of CloudEvents reads what nerve writes, and nerve reads what the SDK writes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_http_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from api.incoming.event_formats import read_request
from api.transfer.export_reader import ExportedCommit, read_commits
from api.transfer.export_writer import commit_lines
from api.webhooks.messages import make_message
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import WebhookMode
from domain.kernel import RecordedEvent
from domain.kernel.rfc3339 import read_moment
from tests.helpers import log_files
from tests.helpers.memory_import import MemoryImport
from tests.helpers.memory_world import CATALOG

EXTENSIONS = {"partitionkey": "p", "sampledrate": 7, "urgent": True, "actor": "outside"}


def command(id: str, data: Any, **attributes: Any) -> CloudEvent:
    """A command as the SDK makes it, which adds the time and the version of the specification."""
    return CloudEvent(
        {"type": "nerve.command.CreateTask", "source": "/shop", "id": id, **attributes}, data=data
    )


@pytest.fixture
def log(tmp_path: Path) -> MemoryImport:
    return MemoryImport(tmp_path)


def write_event(event: BaseCloudEvent) -> bytes:
    """The event as the SDK writes it, in structured mode."""
    return JSONFormat().write(event)


def lines_of(log: MemoryImport) -> list[bytes]:
    """What `nerve export` writes of the log."""
    return [
        line
        for commit in log.bus.history.commits
        for line in commit_lines(commit, personal=True).splitlines()
    ]


def attributes_of(event: BaseCloudEvent) -> dict[str, Any]:
    """The attributes of an event that the SDK has read, with times as texts."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in event.get_attributes().items()
    }


def in_json(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a line, with the time as the SDK reads it."""
    return {name: read_moment(value) if name == "time" else value for name, value in attributes.items()}


def test_the_sdk_reads_what_an_export_writes(log: MemoryImport) -> None:
    """It checks the names of attributes, too."""
    log.run("lifecycle.csv", log_files.LIFECYCLE)
    log.run("commands.jsonl", write_event(command("1", {"id": "task-x", "title": "Päck"}, **EXTENSIONS)))
    lines = lines_of(log)
    for line in lines:
        event, expected = JSONFormat().read(None, line), orjson.loads(line)
        assert event.get_data() == expected.pop("data")
        assert attributes_of(event) == in_json(expected)
    kept = {name: event.get_extension(name) for name in ("partitionkey", "sampledrate", "urgent", "extactor")}
    assert kept == {"partitionkey": "p", "sampledrate": 7, "urgent": True, "extactor": "outside"}


def test_an_export_that_the_sdk_has_rewritten_is_read_as_the_same_commits(log: MemoryImport) -> None:
    log.run("lifecycle.csv", log_files.LIFECYCLE)
    log.run("commands.jsonl", write_event(command("1", {"id": "task-x", "title": "Päck"}, **EXTENSIONS)))
    lines = lines_of(log)
    rewritten = [write_event(JSONFormat().read(None, line)) for line in lines]
    commits = [list(read_commits(io.BytesIO(b"\n".join(each)), CATALOG, {})) for each in (lines, rewritten)]
    for original, again in zip(*commits, strict=True):
        assert isinstance(original, ExportedCommit)
        assert isinstance(again, ExportedCommit)
        assert again.commit == original.commit
    assert commits[1][-1].commit.extensions == EXTENSIONS  # type: ignore[union-attr]


def test_what_the_sdk_writes_is_imported_alone_in_lines_and_in_a_batch(log: MemoryImport) -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 123_456, timezone(timedelta(hours=2)))
    events = [
        command("1", {"title": "Pack"}, subject="task-x1", time=at, **EXTENSIONS),
        command("2", b'{"id": "task-x2", "title": "Ship"}'),
        command("3", {"id": "task-x3", "title": "Bill"}, datacontenttype="application/json"),
    ]
    lines = [write_event(event) for event in events]
    assert b"data_base64" in lines[1]
    assert log.counts(log.run("events.jsonl", b"\n".join(lines))) == {"stored": 3}
    assert log.counts(log.run("batch.json", b"[%b]" % b",".join(lines))) == {"known": 3}
    assert log.counts(log.run("alone.json", lines[0])) == {"known": 1}
    assert [row["title"] for row in log.tasks.values()] == ["Pack", "Ship", "Bill"]
    first = log.bus.history.events[0]
    assert first.time == datetime(2026, 1, 31, 10, 0, 0, 123_000, UTC)
    assert first.commit.extensions == EXTENSIONS


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(subject=texts, extension=texts, title=texts, is_binary=st.booleans())
def test_a_request_of_the_sdk_is_read_in_both_modes(
    subject: str, extension: str, title: str, is_binary: bool
) -> None:
    event = command(
        "1", {"title": title}, subject=subject, partitionkey=extension, datacontenttype="application/json"
    )
    message = to_binary_event(event) if is_binary else to_structured_event(event)
    headers = {name.lower(): value for name, value in message.headers.items()}
    [received] = read_request(headers, message.body).events
    assert (received.id, received.source, received.type) == ("1", "/shop", "nerve.command.CreateTask")
    assert (received.subject, received.content()) == (subject, {"title": title})
    assert received.extensions == {"partitionkey": extension}


@pytest.mark.parametrize("mode", WebhookMode)
def test_the_sdk_reads_the_request_of_a_webhook(log: MemoryImport, mode: WebhookMode) -> None:
    log.run("commands.jsonl", write_event(command("1", {"id": "task-x", "title": "Päck"}, **EXTENSIONS)))
    [event] = log.bus.history.events
    message = make_message(Webhook(mode=mode, personal=True), [event], _position)
    read = from_http_event(HTTPMessage(dict(message.headers), message.body))
    assert (read.get_id(), read.get_type(), read.get_subject()) == (event.id, "task.created", "task-x")
    assert read.get_extension("partitionkey") == "p"
    data: Any = read.get_data()
    assert data["title"] == "Päck"


def _position(event: RecordedEvent) -> str:
    return f"sealed {event.position}"
