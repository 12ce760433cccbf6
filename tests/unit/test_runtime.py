"""The runtime makes each part once, and a subclass replaces a part for all that need it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from api.contexts import load_contexts
from api.ids import now
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel.errors import DeclarationError
from eventstore.log import EventLog
from projections.querying.queries import ViewReader
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.feed.wakeups import Wakeups


async def make(runtime_class: type[Runtime]) -> Runtime:
    """A runtime whose servers do not exist; making its parts must not connect to them."""
    settings = Settings()
    declarations = load_contexts(settings)
    catalog = declarations.catalog
    database: Any = AsyncMongoClient(connect=False)["nerve"]
    log = EventLog(database, catalog, clock=now, announce=lambda position: None, fence_after=1.0)
    wakeups = Wakeups("redis://127.0.0.1:1", "nerve")
    return runtime_class(
        settings=settings, catalog=catalog, views=declarations.views, policies=declarations.policies,
        database=database, wakeups=wakeups, log=log, digest_key=b"d" * 32,
        position_key=b"p" * 32,
    )  # fmt: skip


async def test_each_part_is_made_once_without_a_server() -> None:
    runtime = await make(Runtime)
    runtime.make_parts()
    parts = dict(vars(runtime))
    assert {"bus", "feed", "readers", "view_parts", "rebuilds", "metrics"} <= parts.keys()
    runtime.make_parts()
    assert all(part is parts[name] for name, part in vars(runtime).items())


async def test_a_subclass_replaces_a_part_for_all_that_need_it() -> None:
    other = Checkpoints(AsyncMongoClient(connect=False)["other"])  # type: ignore[arg-type]

    class Replaced(Runtime):
        @cached_property
        def checkpoints(self) -> Checkpoints:
            return other

    runtime = await make(Replaced)
    runtime.make_parts()
    assert runtime.checkpoints is other
    assert all(vars(parts.locator)["_checkpoints"] is other for parts in runtime.view_parts.values())


async def test_a_part_that_cannot_be_made_fails_at_start() -> None:
    class Broken(Runtime):
        @cached_property
        def readers(self) -> Mapping[str, ViewReader]:
            raise DeclarationError("wrong")

    runtime = await make(Broken)
    with pytest.raises(DeclarationError, match="wrong"):
        runtime.make_parts()
