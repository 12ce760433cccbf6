"""The console: GraphiQL, served by nerve itself; ``make console`` builds ``web/`` into ``static/``."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import strawberry
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
STRAWBERRY_PAGE = Path(strawberry.__file__).parent / "static" / "graphiql.html"

SEALED = {
    # Nothing but this server is to be reached, whatever an editor, a plugin or a pasted query would load.
    # The editor sets styles inline; fonts and icons are part of the style sheet, as data.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; worker-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

NOT_BUILT = """
<style>
  body { display: flex; flex-direction: column; height: 100vh }
  #graphiql { flex: 1; min-height: 0 }
  #not-built { font: 15px/1.5 sans-serif; margin: 0; padding: 0.75rem 1rem; background: #fff3cd }
</style>
<p id="not-built">
  nerve's GraphiQL has not been built here: run <code>make console</code> (it needs npm), then load this page
  again. Until then this is Strawberry's, which loads its scripts from a CDN on the internet.
</p>
"""


def routes(graphql_path: str) -> list[BaseRoute]:
    """GraphiQL at ``/graphiql`` for the GraphQL API at `graphql_path` of the same server.

    All addresses in the page are relative, so that it works behind any prefix that a proxy puts before both.
    Where it has not been built, the page says how, above Strawberry's own.
    """

    def graphiql(request: Request) -> Response:
        # With a slash at its end the page's address is a folder, one deeper.
        here, there = ("./", "..") if request.url.path.endswith("/") else ("./graphiql/", ".")
        endpoint = there + graphql_path
        index = STATIC / "index.html"
        if not index.is_file():
            return HTMLResponse(_strawberry_page(endpoint))
        page = index.read_text("utf-8").replace("__GRAPHQL_PATH__", escape(endpoint))
        page = page.replace('"./assets/', f'"{here}assets/')
        return HTMLResponse(page, headers={**SEALED, "cache-control": "no-cache"})

    return [
        Route("/graphiql", graphiql),
        Route("/graphiql/", graphiql),
        Mount("/graphiql/assets", _Assets(directory=STATIC / "assets", check_dir=False)),
    ]


class _Assets(StaticFiles):
    """Files whose names change with what is in them.

    Each carries the policy, since a worker obeys that of its own file and not its page's.
    """

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update({**SEALED, "cache-control": "public, max-age=31536000, immutable"})
        return response


def _strawberry_page(endpoint: str) -> str:
    """Strawberry's page, made to use `endpoint` instead of its own address."""
    url = f"new URL({json.dumps(endpoint)}, window.location).href"
    page = STRAWBERRY_PAGE.read_text("utf-8")
    page = page.replace('window.location.href.split("?")[0]', url)
    return page.replace("<body>", f"<body>{NOT_BUILT}", 1)
