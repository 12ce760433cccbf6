"""A path that the server does not have is answered in JSON, with the paths that it has."""

from __future__ import annotations

from types import SimpleNamespace

import httpx

from api.access.admissions import Admissions
from api.access.callers import OPEN
from api.app import create_app
from api.ids import now
from api.settings import Settings


async def test_an_unknown_path_is_answered_with_those_that_exist() -> None:
    app = create_app(Settings())
    # What the lifespan makes, which needs servers.
    app.state.endpoint = SimpleNamespace(admissions=Admissions(OPEN, now, 1))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client:
        response = await client.post("/grapql", json={"query": "{ __typename }"})
    assert response.status_code == 404
    assert response.json() == {
        "errors": [
            {
                "message": "there is nothing at /grapql; GraphQL is at /graphql, GraphiQL at /graphiql, "
                "the console at /console, health at /healthz and /readyz",
                "extensions": {"code": "NOT_FOUND"},
            }
        ]
    }
