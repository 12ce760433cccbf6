"""Refuses requests of web pages that may not use the API, before anything else looks at them."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.origins import OriginPolicy
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.http import METHODS
from domain.kernel.errors import Forbidden

logger = logging.getLogger(__name__)

_EXPOSED = ("allow", "retry-after", "www-authenticate")
_PREFLIGHT_AGE = 7_200
"""Seconds for which a browser keeps a preflight's answer; Chromium keeps none for longer."""

_MAX_REPORTS = 100
"""Refusals that are logged, each once: a page that is refused tries again and again."""


class OriginGuard:
    """The application behind it gets the requests that the policy lets in.

    Pages of listed origins get the headers that their browsers ask for, and answers to their preflights.
    `pages` are the paths of documents, to which a link on any page may lead; `open_hosts` those that answer
    under any host name: health checks are made by the address or name that a balancer knows.
    """

    def __init__(
        self, app: ASGIApp, policy: OriginPolicy, pages: Collection[str], open_hosts: Collection[str]
    ) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=policy.origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            # What everyone may read is not read with cookies.
            allow_credentials="*" not in policy.origins,
            allow_private_network=True,
            expose_headers=_EXPOSED,
            max_age=_PREFLIGHT_AGE,
        )
        self._policy = policy
        self._pages = frozenset(pages)
        self._open_hosts = frozenset(open_hosts)
        self.reports = RefusalReports()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Messages about the start and end of the server pass."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host: str | None = None
        origin: str | None = None
        site: str | None = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"sec-fetch-site":
                site = value.decode("latin-1")
        path = scope["path"]
        if path in self._open_hosts:
            host = None
        elif site is not None and path in self._pages and _is_navigation(scope):
            site = None
        try:
            app = self._cors if self._policy.check(host, origin, site) else self._app
        except Forbidden as error:
            self.reports.add(error)
            response = Response(
                encode(refused_result(error)), 403, media_type="application/json; charset=utf-8"
            )
            await response(scope, receive, send)
        else:
            await app(scope, receive, send)


class RefusalReports:
    """Logs each refusal once: in the browser its page sees only that there is no answer."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, error: Forbidden) -> None:
        """Log it, if it is a new one."""
        text = str(error)
        if text not in self._seen and len(self._seen) < _MAX_REPORTS:
            self._seen.add(text)
            logger.warning("refused: %s", text)


def _is_navigation(scope: Scope) -> bool:
    """Whether the user is led to a document of this server, in a window of its own."""
    headers = dict(scope["headers"])
    return (
        scope["method"] in ("GET", "HEAD")
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
