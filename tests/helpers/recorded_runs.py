"""Runs of an agent as OTLP in JSON, for tests that look at what nerve shows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.helpers.served_api import Served

BEGIN = 1_780_000_000_000_000_000
"""When the runs begin, in nanoseconds since 1970."""


def attribute(name: str, value: object) -> dict[str, Any]:
    """Return an attribute of a span; numbers are written as texts."""
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": name, "value": {kind: str(value)}}


def span(
    trace: str, number: int, name: str, milliseconds: tuple[int, int], attributes: Mapping[str, object],
    *, parent: int | None = None, error: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a span from one time to another, both counted from the beginning of the runs."""
    start, end = (str(BEGIN + 1_000_000 * each) for each in milliseconds)
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
        "name": name,
        "kind": 1,
        "startTimeUnixNano": start,
        "endTimeUnixNano": end,
        "attributes": [attribute(key, value) for key, value in attributes.items()],
        **({} if error is None else {"status": {"code": 2, "message": error}}),
    }


def chat(model: str, read: int, written: int, messages: Sequence[object], reply: str) -> dict[str, object]:
    """Return the attributes of a call of a model."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": read,
        "gen_ai.usage.output_tokens": written,
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps([message("assistant", reply)]),
    }


def tool(name: str, arguments: object, result: object = None) -> dict[str, object]:
    """Return the attributes of a call of a tool."""
    attributes: dict[str, object] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": json.dumps(arguments),
    }
    return attributes if result is None else {**attributes, "gen_ai.tool.call.result": json.dumps(result)}


def message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def record(nerve: Served, *spans: dict[str, Any], **resource: object) -> None:
    """Send spans to nerve, with these attributes of their resource; dots stand for two underscores."""
    attributes = [attribute(name.replace("__", "."), value) for name, value in resource.items()]
    traces = {
        "resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]
    }
    response = nerve.http.post("/v1/traces", json=traces)
    assert (response.status_code, response.json()) == (200, {})
