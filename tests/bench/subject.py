"""nerve itself, as `nerve serve` runs it, and the same with a list that needs no database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette

from api.app import create_app
from api.result_cache_settings import ResultCacheSettings
from api.settings import load_settings
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
            parts = app.state.runtime.view_parts
            workflows = parts["workflows"]
            parts["workflows"] = replace(workflows, shared=HeldReads(workflows.shared))
            yield

    app.router.lifespan_context = lifespan
    return app


class HeldReads:
    """Asks MongoDB for the page once, and then has it in memory."""

    def __init__(self, reads: SharedReads) -> None:
        self._reads = reads
        self._held: Page | None = None

    async def page(self, scope: RowScope, query: ListQuery) -> Page:
        if self._held is None:
            self._held = await self._reads.page(scope, query)
        return self._held
