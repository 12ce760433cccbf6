"""The limits over HTTP: what is left of each request when GraphQL is taken away."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.app import create_app
from api.settings import load_settings
from domain.kernel import Envelope
from domain.workflows.commands import StartWorkflow

COMMANDS = "/commands"
"""The path of the route to the command bus."""

ANSWERS = "BENCH_ANSWERS"
"""The environment variable that names the file of the answers to give: a JSON object by `answer_key`."""


def answer_key(variables: Mapping[str, Any]) -> str:
    """Return the id or the cursor that a request asks for."""
    return variables.get("id") or variables.get("after") or ""


def answers() -> Starlette:
    """Says what nerve said, encoded anew by orjson for each request; no GraphQL, no database."""
    known: dict[str, Any] = orjson.loads(Path(os.environ[ANSWERS]).read_bytes())

    async def answer(request: Request) -> Response:
        asked = orjson.loads(await request.body())
        return Response(orjson.dumps(known[answer_key(asked["variables"])]), media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])])


def commands() -> Starlette:
    """nerve itself, with a route that hands its body to the command bus."""
    app = create_app(load_settings())

    async def start_workflow(request: Request) -> Response:
        command = StartWorkflow.model_validate(orjson.loads(await request.body())["variables"]["input"])
        receipt = await app.state.runtime.bus.dispatch(Envelope(command))
        shown = {"commandId": receipt.command_id, "stream": receipt.stream, "version": receipt.version}
        data = {"data": {"startWorkflow": {"receipt": shown}}}
        return Response(orjson.dumps(data), media_type="application/json")

    app.router.routes.insert(0, Route(COMMANDS, start_workflow, methods=["POST"]))
    return app
