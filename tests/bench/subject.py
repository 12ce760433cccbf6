"""nerve itself, as `nerve serve` runs it, and the same with a list that needs no database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette

from api.app import create_app
from api.result_cache_settings import ResultCacheSettings
from api.runtime import Runtime
from api.settings import load_settings
from api.view_parts import ViewParts
from projections.querying.pages import ListQuery, Page
from projections.querying.row_scope import RowScope
from projections.querying.shared_reads import SharedReads


def usual() -> Starlette:
    """The application."""
    return create_app(load_settings())


def from_memory() -> Starlette:
    """The application without cached results, with the page of workflows it read first in memory."""
    uncached = ResultCacheSettings(max_bytes=0)
    app = create_app(load_settings().model_copy(update={"result_cache": uncached}))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with inner(app):
            runtime: Runtime = app.state.runtime
            parts: dict[str, ViewParts] = {**runtime.view_parts}
            in_memory = PageInMemory(parts["workflows"], runtime.settings.operation_timeout)
            parts["workflows"] = replace(parts["workflows"], shared=in_memory)
            # The value of a cached property, which is made once.
            vars(runtime)["view_parts"] = parts
            yield

    app.router.lifespan_context = lifespan
    return app


class PageInMemory(SharedReads):
    """Reads a page from MongoDB once, and returns it for every query."""

    def __init__(self, parts: ViewParts, seconds: float) -> None:
        super().__init__(parts.reader, parts.related, seconds)
        self._page: Page | None = None

    async def page(self, scope: RowScope, query: ListQuery) -> Page:
        if self._page is None:
            self._page = await super().page(scope, query)
        return self._page
