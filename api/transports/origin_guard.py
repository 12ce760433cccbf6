"""Rejects requests of web pages that may not use the API, before anything else handles them."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.origins import OriginPolicy
from api.encoding import encode
from api.graphql.error_bodies import refused_result
from api.transports.body_responses import SEND_WHOLE
from api.transports.http import METHODS
from api.transports.known_heads import LEARN_HEAD
from domain.kernel.errors import Forbidden

logger = logging.getLogger(__name__)

_EXPOSED = ("allow", "retry-after", "www-authenticate")
_PREFLIGHT_AGE = 7_200
"""Seconds for which a browser caches the response to a preflight; Chromium caches none for longer."""

_MAX_REPORTS = 100
"""Different refusals that are logged. Each is logged once, as a page that is refused tries again and again.
"""


class OriginGuard:
    """Passes on the requests that the policy accepts.

    Pages of listed origins get the CORS headers that their browsers ask for, and responses to their
    preflights. `pages` are the paths of documents, to which a link on any page may lead. `open_hosts` are the
    paths that are served under any host name, for health checks by load balancers.
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
            # Credentials are not allowed where every page may read.
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
        """Serve one request. Messages about the lifespan of the server pass unchecked."""
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
            app = self._app
            if self._policy.check(host, origin, site):
                # It adds headers to the messages of the response.
                app = self._cors
                scope.pop(SEND_WHOLE, None)
                scope.pop(LEARN_HEAD, None)
        except Forbidden as error:
            self.reports.add(error)
            response = Response(
                encode(refused_result(error)), 403, media_type="application/json; charset=utf-8"
            )
            await response(scope, receive, send)
        else:
            await app(scope, receive, send)


class RefusalReports:
    """Logs each refusal once, as the browser shows its page no reason."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, error: Forbidden) -> None:
        """Log the refusal, unless it was logged before."""
        text = str(error)
        if text not in self._seen and len(self._seen) < _MAX_REPORTS:
            self._seen.add(text)
            logger.warning("refused: %s", text)


def _is_navigation(scope: Scope) -> bool:
    """Return whether a user opens a document of this server in a window of its own."""
    headers = dict(scope["headers"])
    return (
        scope["method"] in ("GET", "HEAD")
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
