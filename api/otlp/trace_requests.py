"""Serves requests with traces: https://opentelemetry.io/docs/specs/otlp/#otlphttp"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import ceil

from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.agent_run_settings import AgentRunSettings
from api.limits.refused_work import client_of
from api.otlp.encodings import ENCODINGS, JSON, Encoding
from api.otlp.received_messages import ReceivedTraces
from api.otlp.span_recorder import AgentSpanRecorder, Rejections
from api.runtime import Runtime
from api.transports.admission_guard import admission_of
from api.transports.endpoint import Endpoint, client_address
from api.transports.rejections import REFUSALS, STATUSES
from api.transports.request_bodies import HttpRejection, read_bytes
from api.transports.response_formats import read_parameters
from domain.agent_runs.commands import RecordSpans
from domain.kernel.errors import ConcurrencyConflict, Forbidden, NerveError, ValidationFailed
from domain.kernel.limit_errors import Overloaded, RateLimited

_CODES = {
    400: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    429: code_pb2.RESOURCE_EXHAUSTED,
    503: code_pb2.UNAVAILABLE,
}
"""Codes of errors by the HTTP status; other statuses are of requests that are wrong."""


class TraceRequests:
    """Reads requests with traces, has their spans recorded, and writes responses in the same encoding."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._settings = settings.agent_runs or AgentRunSettings()
        self._timeout = settings.request_timeout
        self._recorder = AgentSpanRecorder(runtime.bus, self._settings)

    async def serve(self, request: Request) -> Response:
        """Return the response to one request."""
        name, _ = read_parameters(request.headers.get("content-type", ""))
        encoding = ENCODINGS.get(name)
        try:
            if encoding is None:
                raise HttpRejection(415, _wrong_type(name))
            return _respond(encoding, _success(await self._record(request, encoding)))
        except ClientDisconnect:
            return Response(status_code=400)
        except HttpRejection as rejected:
            return _fail(encoding, rejected.status, rejected.error, rejected.headers)
        except (Overloaded, ConcurrencyConflict) as error:
            return _fail(encoding, 503, error)
        except REFUSALS as error:
            status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
            return _fail(encoding, status, error)

    async def _record(self, request: Request, encoding: Encoding) -> Rejections:
        endpoint: Endpoint = request.app.state.endpoint
        caller, address = admission_of(request).caller, client_address(request.scope, endpoint.addresses)
        context = endpoint.context(request.headers, caller, address)
        permission = context.permission(RecordSpans)
        if permission.is_denied:
            raise Forbidden("you may not send RecordSpans, as which the spans of a trace are recorded")
        with await endpoint.permit(caller, address):
            arriving = endpoint.arriving_bodies.of(client_of(caller, address))
            body = await read_bytes(
                request, request.headers, self._settings.max_body_bytes, self._timeout, arriving
            )
            traces = await _read(encoding, body)
            return await self._recorder.record(traces, context.command_scope, permission)


async def _read(encoding: Encoding, body: bytearray) -> ReceivedTraces:
    return await asyncio.to_thread(encoding.read, body) if encoding.in_thread else encoding.read(body)


def _wrong_type(name: str) -> ValidationFailed:
    sent = f"not {name!a}" if name else "and the request has no Content-Type"
    return ValidationFailed(f"the body must be one of {', '.join(ENCODINGS)}, {sent}", ("content-type",))


def _success(rejections: Rejections) -> ExportTraceServiceResponse:
    """Return the response to a request that was accepted, with the spans that were rejected, if any."""
    response = ExportTraceServiceResponse()
    if rejections:
        response.partial_success.rejected_spans = rejections.total()
        response.partial_success.error_message = "; ".join(
            f"{count} of them rejected: {reason}" for reason, count in rejections.most_common()
        )
    return response


def _fail(
    encoding: Encoding | None, status: int, error: NerveError, headers: Mapping[str, str] | None = None
) -> Response:
    message = Status(code=_CODES.get(status, code_pb2.INVALID_ARGUMENT), message=str(error))
    response = _respond(encoding or JSON, message, status)
    response.headers.update(headers or {})
    if isinstance(error, RateLimited) and error.retry_after is not None:
        response.headers["retry-after"] = str(ceil(error.retry_after))
    return response


def _respond(encoding: Encoding, message: Message, status: int = 200) -> Response:
    return Response(encoding.write(message), status, media_type=encoding.content_type)
