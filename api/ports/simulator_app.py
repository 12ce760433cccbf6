"""Simulated ports as an HTTP server, so that several workers share them and their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.ports.simulated_port import SimulatedPort
from domain.kernel.errors import UnfitValue
from domain.process.inputs import from_json
from domain.process.ports import Request
from subscriptions.processes.ports import PortRefused, PortUnavailable

KEY_HEADER = "idempotency-key"


def simulator_app(ports: Mapping[str, SimulatedPort], requests: Iterable[type[Request[Any]]]) -> Starlette:
    """Return the application: ``POST /<port>`` takes a request, ``GET /<port>/calls`` returns the record.

    `requests` are the classes of the requests of these ports.
    """
    operations = {(request.port, request.__name__): request for request in requests}

    async def receive(http: HttpRequest) -> JSONResponse:
        port = ports.get(http.path_params["port"])
        if port is None:
            return _problem(404, "UNKNOWN_PORT", f"there is no simulated port {http.path_params['port']!r}")
        try:
            request = _read(http.path_params["port"], await http.body(), operations)
            return JSONResponse(await port.call(http.headers[KEY_HEADER], request))
        except KeyError as error:
            return _problem(400, "INVALID_REQUEST", f"the request has no {error.args[0]}")
        except PortUnavailable as error:
            return _problem(503, "UNAVAILABLE", str(error))
        except PortRefused as error:
            return _problem(422, error.reason, str(error))

    async def calls(http: HttpRequest) -> JSONResponse:
        port = ports.get(http.path_params["port"])
        return JSONResponse([asdict(call) for call in port.calls] if port else [])

    return Starlette(
        routes=[
            Route("/{port}", receive, methods=["POST"]),
            Route("/{port}/calls", calls, methods=["GET"]),
        ]
    )


def _read(port: str, body: bytes, operations: Mapping[tuple[str, str], type[Request[Any]]]) -> Request[Any]:
    """Return the request in a body; raise PortRefused if it is none of the port's."""
    try:
        sent = orjson.loads(body)
        operation, given = sent["operation"], sent["input"]
    except (orjson.JSONDecodeError, TypeError):
        raise PortRefused("INVALID_REQUEST", "the body is no JSON object") from None
    kind = operations.get((port, operation))
    if kind is None:
        raise PortRefused("UNKNOWN_OPERATION", f"no process sends {operation!r} to the port {port}")
    try:
        return from_json(kind, given)
    except (ValidationError, UnfitValue) as error:
        raise PortRefused("INVALID_REQUEST", f"the input is no {operation}: {error}") from None


def _problem(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status)
