"""The console: serves GraphiQL, which ``make console`` builds from ``web/`` into ``static/``.

`api.app` imports it.
"""

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

SECURITY_HEADERS = {
    # The page may connect to this server only, whatever an editor, a plugin or a pasted query tries to load.
    # The editor sets inline styles; fonts and icons are data URLs in the style sheet.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; worker-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

STRAWBERRY_HEADERS = {
    # The page loads its scripts from a CDN, and has some in itself.
    "content-security-policy": "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

NOT_BUILT = """
<style>
  body { display: flex; flex-direction: column; height: 100vh }
  #graphiql { flex: 1; min-height: 0 }
  #not-built { font: 15px/1.5 sans-serif; margin: 0; padding: 0.75rem 1rem; background: #fff3cd }
</style>
<p id="not-built">
  nerve's GraphiQL is not built. Run <code>make console</code> (it needs npm), then reload this page.
  Until then, this is the GraphiQL page of Strawberry, which loads its scripts from a CDN on the internet.
</p>
"""


def routes(graphql_path: str, static: Path = STATIC, token_path: str = "") -> list[BaseRoute]:
    """Return the routes of GraphiQL at ``/graphiql``, for the GraphQL API at `graphql_path` of this server.

    `static` is the folder of the built page. At `token_path` the page gets tokens for the callers that a
    developer makes up; without it, the page has no picker for them.

    All addresses in the page are relative, so that it works behind any path prefix of a proxy. If GraphiQL is
    not built, the page of Strawberry is served, with a note on how to build it.
    """

    def graphiql(request: Request) -> Response:
        # With a slash at its end, the address of the page is a folder, one level deeper.
        here, parent = ("./", "..") if request.url.path.endswith("/") else ("./graphiql/", ".")
        endpoint = parent + graphql_path
        index = static / "index.html"
        if not index.is_file():
            return HTMLResponse(_strawberry_page(endpoint), headers=STRAWBERRY_HEADERS)
        page = index.read_text("utf-8").replace("__GRAPHQL_PATH__", escape(endpoint))
        page = page.replace("__TOKEN_PATH__", escape(parent + token_path if token_path else ""))
        page = page.replace('"./assets/', f'"{here}assets/')
        return HTMLResponse(page, headers={**SECURITY_HEADERS, "cache-control": "no-cache"})

    return [
        Route("/graphiql", graphiql),
        Route("/graphiql/", graphiql),
        Mount("/graphiql/assets", _Assets(directory=static / "assets", check_dir=False)),
    ]


class _Assets(StaticFiles):
    """Static files whose names contain a hash of their content.

    Each has the security headers, because a web worker follows those of its own file and not of its page.
    """

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update({**SECURITY_HEADERS, "cache-control": "public, max-age=31536000, immutable"})
        return response


def _strawberry_page(endpoint: str) -> str:
    """Return the page of Strawberry, changed to use `endpoint` instead of its own address."""
    url = f"new URL({json.dumps(endpoint)}, window.location).href"
    page = STRAWBERRY_PAGE.read_text("utf-8")
    page = page.replace('window.location.href.split("?")[0]', url)
    return page.replace("<body>", f"<body>{NOT_BUILT}", 1)
