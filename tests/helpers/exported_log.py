"""A log as `nerve export` writes it: its commits, and the rows that its events lead to.

The folds here are written apart from those of the views, so that a test can compare what nerve shows with the
events alone. Names and values are those of the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from domain.kernel.names import client_name

Row = Mapping[str, Any] | None
Line = Mapping[str, Any]


@dataclass(frozen=True)
class ExportedCommit:
    """The lines of one commit."""

    lines: Sequence[Line]

    @property
    def first(self) -> Line:
        """The line with the attributes that all lines of the commit have."""
        return self.lines[0]

    @property
    def stream(self) -> str:
        return str(self.first["subject"])

    @property
    def version(self) -> int:
        """The version of the stream after the commit."""
        return int(self.lines[-1]["streamversion"])

    @property
    def recorded(self) -> str:
        """When the commit was recorded."""
        return str(self.first.get("recordedtime", self.first["time"]))


class ExportedLog:
    """The commits of an exported file, in the order of the log."""

    def __init__(self, content: bytes) -> None:
        lines = [orjson.loads(line) for line in content.splitlines()]
        groups = groupby(lines, key=lambda line: line["position"])
        self.commits = [ExportedCommit(list(commit)) for _, commit in groups]

    @property
    def streams(self) -> Sequence[str]:
        """The streams in the order of their first commits."""
        return list(dict.fromkeys(commit.stream for commit in self.commits))

    def history(self, stream: str) -> Sequence[ExportedCommit]:
        """Return the commits of a stream."""
        return [commit for commit in self.commits if commit.stream == stream]

    def trace(self, correlation: str) -> Sequence[ExportedCommit]:
        """Return the commits with a correlation id."""
        return [commit for commit in self.commits if commit.first["correlationid"] == correlation]

    def row(self, stream: str, version: int) -> Row:
        """Return the row of a task or a document after this version; None where there is none."""
        row: Row = None
        fold = _FOLDS[stream.split("-")[0]]
        for commit in self.history(stream):
            for line in commit.lines:
                if line["streamversion"] <= version:
                    row = fold(row, line)
        return row


def data_of(line: Line) -> dict[str, Any]:
    """Return the data of an event under the names of the API, without what is null."""
    return {client_name(name): value for name, value in line["data"].items() if value is not None}


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield path, value before and value after of what differs; what is not there is `ABSENT`."""
    if isinstance(before, list) and isinstance(after, list):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        if before != after or isinstance(before, bool) != isinstance(after, bool):
            yield path, before, after
        return
    for name in dict.fromkeys((*before, *after)):
        step = str(name).replace("~", "~0").replace("/", "~1")
        yield from differences(before.get(name, ABSENT), after.get(name, ABSENT), f"{path}/{step}")


ABSENT = object()
"""Stands for a value that is not there."""


def _fold_task(row: Row, line: Line) -> Row:
    data, time = data_of(line), line["time"]
    ended = {"finishedAt": time, "durationSeconds": data.get("durationSeconds")}
    changes: dict[str, dict[str, Any]] = {
        "task.created": {**_NEW_TASK, **data, "createdAt": time},
        "task.assigned": {"status": "ASSIGNED", "assignedAt": time, "agentId": data.get("agentId")},
        "task.started": {"status": "STARTED", "startedAt": data.get("startedAt")},
        "task.completed": {"status": "COMPLETED", "result": data.get("result"), **ended},
        "task.failed": {"status": "FAILED", "error": data.get("error"), **ended},
        "task.cancelled": {"status": "CANCELLED", "cancelReason": data.get("reason"), **ended},
    }
    return {**(row or {}), **changes[line["type"]]}


_NEW_TASK = {
    "status": "CREATED",
    **dict.fromkeys(("agentId", "workflowId", "result", "error", "cancelReason", "reportedState")),
    **dict.fromkeys(("reportedAttributes", "assignedAt", "startedAt", "finishedAt", "durationSeconds")),
}


def _fold_document(row: Row, line: Line) -> Row:
    data, kind, actor = data_of(line), line["type"], line.get("actor")
    changed = {"version": line["streamversion"], "changedAt": line["time"], "changedBy": actor}
    if kind == "document.created":
        created = {"createdAt": line["time"], "createdBy": actor, "archived": False, "subjectId": None}
        return {"content": None, **created, **changed, **data}
    if kind == "document.deleted" or row is None:
        return None
    changes: dict[str, dict[str, Any]] = {
        "document.replaced": {"content": data.get("content")},
        "document.patched": {"content": _merged(row["content"], data.get("patch"))},
        "document.renamed": {"title": data.get("title")},
        "document.archived": {"archived": True},
    }
    return {**row, **changed, **changes[kind]}


def _merged(value: Any, patch: Any) -> Any:
    """Return the value after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), change)
    return merged


_FOLDS = {"task": _fold_task, "document": _fold_document}
