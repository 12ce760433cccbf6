"""The ASGI application: Starlette, with a short way to the paths of GraphQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Application(Starlette):
    """Passes requests through the `guards`, then to what serves their path.

    The `direct` applications serve requests with the `methods` for their paths. Starlette's router and its
    two layers for errors take as long as to serve a result from the cache, so only other requests pass them.
    """

    def __init__(
        self,
        guards: Sequence[Middleware],
        direct: Mapping[str, ASGIApp],
        methods: Collection[str],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._guards = tuple(guards)
        self._direct = dict(direct)
        self._methods = frozenset(methods)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the guards around the direct applications and the rest of Starlette."""
        others, direct, methods = super().build_middleware_stack(), self._direct, self._methods

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            app: ASGIApp | None = None
            if scope["type"] == "http" and scope["method"] in methods:
                app = direct.get(scope["path"])
            await (app or others)(scope, receive, send)

        app: ASGIApp = serve
        for cls, args, kwargs in reversed(self._guards):
            app = cls(app, *args, **kwargs)
        return app
