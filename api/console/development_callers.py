"""Makes tokens for GraphiQL's picker of callers, in development alone."""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access.development_tokens import DevelopmentCaller, DevelopmentTokens
from domain.kernel.errors import ValidationFailed

PATH = "/graphiql/development-token"
MAX_BODY = 20_000


def development_token_route(tokens: DevelopmentTokens) -> Route:
    """Return the route that returns a token for the caller in the body of a request."""

    async def make_token(request: Request) -> Response:
        try:
            token = tokens.issue(await _read_caller(request))
        except ValidationError as error:
            [mistake, *_] = error.errors(include_url=False, include_input=False)
            place = ".".join(str(step) for step in mistake["loc"]) or "the body"
            return JSONResponse({"error": f"{place}: {mistake['msg']}"}, 400)
        except ValidationFailed as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"token": token}, headers={"cache-control": "no-store"})

    return Route(PATH, make_token, methods=["POST"])


async def _read_caller(request: Request) -> DevelopmentCaller:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        # Only for JSON does a browser ask before it sends the request of a foreign page.
        raise ValidationFailed("send JSON, with its content type", ("content-type",))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ValidationFailed(f"the body has more than {MAX_BODY} bytes", ("body",))
    return DevelopmentCaller.model_validate_json(bytes(body))
