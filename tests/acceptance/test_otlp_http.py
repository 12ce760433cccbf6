"""Traces over HTTP: encodings, limits, rights and errors, as the specification of OTLP has them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from api.access.callers import Caller
from domain.kernel import Scope
from tests.helpers.agent_traces import agent_traces
from tests.helpers.served_api import Served
from tests.helpers.token_access import Tokens, serve_with

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CONTEXTS = tuple(
    f"projections.views.{name}"
    for name in ("agents", "tasks", "task_days", "workflows", "runs", "spans", "run_days")
)
MOST = 200_000
AT_ONCE = 30
"""Requests of a caller. On a busy machine 30 a second would come back as fast as they are sent."""


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def served(tokens: Tokens, mongo_url: str, redis_url: str) -> Iterator[Served]:
    limits = {"agent_runs": {"max_body_bytes": MOST}, "rates": {"per_caller": AT_ONCE / 300, "burst": 300}}
    with serve_with(tokens, mongo_url, redis_url, contexts=CONTEXTS, **limits) as served:
        yield served


class Sender:
    """A caller of a tenant of its own, with some roles."""

    def __init__(self, served: Served, tokens: Tokens, *roles: str) -> None:
        tenant = uuid4().hex
        caller = Caller(Scope(tenant, "agent"), f"agent@{tenant}", frozenset(roles))
        self._token = tokens.grant(uuid4().hex, caller)
        self._served = served

    def post(self, body: bytes, media: str | None = PROTOBUF, **headers: str) -> httpx.Response:
        types = {} if media is None else {"content-type": media}
        sent = {"authorization": self._token, **types, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self._served.http.post("/v1/traces", content=body, headers=sent)

    def recorded(self) -> int:
        """Return the number of spans that the caller may see."""
        query = {"query": "{ events(first: 200) { nodes { type } } }"}
        answer = self._served.post(query, authorization=self._token).json()
        return [node["type"] for node in answer["data"]["events"]["nodes"]].count("agentrun.span_recorded")


@pytest.fixture
def recorder(served: Served, tokens: Tokens) -> Sender:
    return Sender(served, tokens, "run_recorder")


def body(spans: int = 3) -> bytes:
    """Return a request with a trace, as the SDK encodes it."""
    return encode_spans(agent_traces(1, spans, seed=uuid4().int)).SerializeToString()


def json_body(*spans: dict[str, Any]) -> bytes:
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})


def json_span(**changes: Any) -> dict[str, Any]:
    ids = {"traceId": uuid4().hex, "spanId": uuid4().hex[:16]}
    return {"name": "step", **ids, "startTimeUnixNano": "1", "endTimeUnixNano": "2", **changes}


def accepted(response: httpx.Response) -> ExportTraceServiceResponse:
    assert (response.status_code, response.headers["content-type"]) == (200, PROTOBUF)
    return ExportTraceServiceResponse.FromString(response.content)


def test_spans_are_recorded_in_the_tenant_of_the_caller(served: Served, tokens: Tokens) -> None:
    """In both encodings, compressed or not; a complete success has an empty response."""
    recorder = Sender(served, tokens, "run_recorder", "run_content_viewer")
    assert accepted(recorder.post(body())) == ExportTraceServiceResponse()
    compressed = recorder.post(gzip.compress(body()), content_encoding="gzip")
    assert accepted(compressed) == ExportTraceServiceResponse()
    response = recorder.post(json_body(json_span()), JSON)
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["content-type"] == JSON
    assert recorder.recorded() == 3 + 3 + 1
    assert Sender(served, tokens, "run_content_viewer").recorded() == 0


def test_a_span_without_ids_is_rejected_and_the_others_are_recorded(recorder: Sender) -> None:
    wrong = [json_span(traceId=""), json_span(spanId="zz"), json_span(spanId="0" * 16), json_span()]
    response = recorder.post(json_body(*wrong), JSON)
    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "3"
    assert partial["errorMessage"] == (
        "2 of them rejected: no valid span id; 1 of them rejected: no valid trace id"
    )


def test_spans_beyond_the_limit_of_a_run_are_rejected(
    recorder: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.agent_runs.aggregate.MAX_SPANS_OF_RUN", 2)
    partial = accepted(recorder.post(body(spans=3))).partial_success
    assert partial.rejected_spans == 3
    assert "a run has at most 2 spans" in partial.error_message


def test_spans_beyond_the_limit_of_a_request_are_rejected(
    recorder: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.otlp.span_recorder.MAX_SPANS_OF_REQUEST", 2)
    partial = accepted(recorder.post(body(spans=5))).partial_success
    assert partial.rejected_spans == 3
    assert "more than 2 spans in a request" in partial.error_message


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
def test_an_error_has_the_encoding_of_its_request(recorder: Sender, media: str) -> None:
    response = recorder.post(b"\xff\xff", media)
    assert (response.status_code, response.headers["content-type"]) == (400, media)
    if media == PROTOBUF:
        status = Status.FromString(response.content)
        assert status.code == code_pb2.INVALID_ARGUMENT
        assert "ExportTraceServiceRequest" in status.message
    else:
        assert response.json() == {"code": 3, "message": "the body is not JSON"}


@pytest.mark.parametrize("media", [None, "text/plain", "application/grpc"], ids=["none", "text", "grpc"])
def test_another_content_type_is_refused(recorder: Sender, media: str | None) -> None:
    response = recorder.post(body(), media)
    assert response.status_code == 415
    assert PROTOBUF in response.json()["message"]


def test_another_coding_is_refused(recorder: Sender) -> None:
    assert recorder.post(body(), content_encoding="br").status_code == 415
    assert recorder.post(body(), content_encoding="gzip").status_code == 400


def test_a_body_over_the_limit_is_refused(recorder: Sender) -> None:
    """Also one that is small until it is decompressed."""
    assert recorder.post(bytes(MOST + 1)).status_code == 413
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < MOST
    response = recorder.post(bomb, content_encoding="gzip")
    assert response.status_code == 413
    assert str(MOST) in Status.FromString(response.content).message


def test_only_recorders_may_send_traces(served: Served, tokens: Tokens) -> None:
    """Without credentials a request is refused before its body is read."""
    viewer = Sender(served, tokens, "run_viewer").post(b"\xff")
    assert viewer.status_code == 403
    assert Status.FromString(viewer.content).code == code_pb2.PERMISSION_DENIED
    assert served.http.post("/v1/traces", content=b"\xff").status_code == 401


def test_a_caller_that_sends_too_often_learns_when_to_send_again(recorder: Sender) -> None:
    empty = json_body()
    responses = [recorder.post(empty, JSON) for _ in range(3 * AT_ONCE)]
    refused = [response for response in responses if response.status_code == 429]
    assert refused
    assert {response.status_code for response in responses} == {200, 429}
    assert all(int(response.headers["retry-after"]) >= 1 for response in refused)
    assert refused[0].json()["code"] == code_pb2.RESOURCE_EXHAUSTED
