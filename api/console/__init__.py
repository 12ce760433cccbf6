"""The pages for browsers: GraphiQL and the console.

``make console`` builds them from ``web/`` into ``static/``. `api.app` imports this package.
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


def _security_headers(styles: str) -> dict[str, str]:
    """Return the headers of a page that takes style sheets from `styles`, and all else from this server.

    The page may connect to this server only, whatever an editor, a plugin or a pasted query tries to load.
    Fonts and icons are data URLs in the style sheets.
    """
    return {
        "content-security-policy": f"default-src 'none'; script-src 'self'; style-src {styles}; "
        "font-src 'self' data:; img-src 'self' data:; worker-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


# GraphiQL's editor sets inline styles.
GRAPHIQL_HEADERS = _security_headers("'self' 'unsafe-inline'")
CONSOLE_HEADERS = _security_headers("'self'")

STRAWBERRY_HEADERS = {
    # The page loads its scripts from a CDN, and has some in itself.
    "content-security-policy": "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

CONSOLE_NOT_BUILT = """<!doctype html>
<html lang="en">
<title>nerve · console</title>
<p>nerve's console is not built. Run <code>make console</code> (it needs npm), then reload this page.</p>
"""

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
    """Return the routes of the pages, ``/graphiql`` and ``/console``, for the GraphQL API at `graphql_path`.

    `static` is the folder of the built pages. At `token_path` the pages get tokens for the callers that a
    developer makes up; without it, they have no picker for them.

    All addresses in the pages are relative, so that they work behind any path prefix of a proxy. If they are
    not built, GraphiQL's address serves the page of Strawberry, and each of them says how to build it.
    """

    def graphiql(request: Request) -> Response:
        parent = _parent(request)
        page = _built_page(static / "index.html", parent, graphql_path, token_path)
        if page is None:
            return HTMLResponse(_strawberry_page(parent + graphql_path), headers=STRAWBERRY_HEADERS)
        return HTMLResponse(page, headers={**GRAPHIQL_HEADERS, "cache-control": "no-cache"})

    def console(request: Request) -> Response:
        page = _built_page(static / "console.html", _parent(request), graphql_path, token_path)
        if page is None:
            return HTMLResponse(CONSOLE_NOT_BUILT, 503, headers=CONSOLE_HEADERS)
        return HTMLResponse(page, headers={**CONSOLE_HEADERS, "cache-control": "no-cache"})

    return [
        *(Route(path, graphiql) for path in ("/graphiql", "/graphiql/")),
        *(Route(path, console) for path in ("/console", "/console/")),
        Mount("/graphiql/assets", _Assets(directory=static / "assets", check_dir=False)),
    ]


def _parent(request: Request) -> str:
    """Return the relative address of the folder that the page is in.

    With a slash at its end, the address of the page is a folder, one level deeper.
    """
    return ".." if request.url.path.endswith("/") else "."


def _built_page(file: Path, parent: str, graphql_path: str, token_path: str) -> str | None:
    """Return a built page with its addresses; None if it is not built. The pages share a folder of assets."""
    if not file.is_file():
        return None
    page = file.read_text("utf-8").replace("__GRAPHQL_PATH__", escape(parent + graphql_path))
    page = page.replace("__TOKEN_PATH__", escape(parent + token_path if token_path else ""))
    return page.replace('"./assets/', f'"{parent}/graphiql/assets/')


class _Assets(StaticFiles):
    """Static files whose names contain a hash of their content.

    Each has the security headers, because a web worker follows those of its own file and not of its page.
    """

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update({**GRAPHIQL_HEADERS, "cache-control": "public, max-age=31536000, immutable"})
        return response


def _strawberry_page(endpoint: str) -> str:
    """Return the page of Strawberry, changed to use `endpoint` instead of its own address."""
    url = f"new URL({json.dumps(endpoint)}, window.location).href"
    page = STRAWBERRY_PAGE.read_text("utf-8")
    page = page.replace('window.location.href.split("?")[0]', url)
    return page.replace("<body>", f"<body>{NOT_BUILT}", 1)
