"""The runtime makes each part once, and a subclass replaces a part for all that need it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pytest
from pymongo import AsyncMongoClient

from api.runtime import Runtime
from domain.kernel.errors import DeclarationError
from projections.querying.queries import ViewReader
from subscriptions.consumers.checkpoints import Checkpoints
from tests.helpers.unconnected_runtime import unconnected_runtime


async def test_each_part_is_made_once_without_a_server() -> None:
    runtime = unconnected_runtime()
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

    runtime = unconnected_runtime(Replaced)
    runtime.make_parts()
    assert runtime.checkpoints is other
    assert all(vars(parts.locator)["_checkpoints"] is other for parts in runtime.view_parts.values())


async def test_a_part_that_cannot_be_made_fails_at_start() -> None:
    class Broken(Runtime):
        @cached_property
        def readers(self) -> Mapping[str, ViewReader]:
            raise DeclarationError("wrong")

    runtime = unconnected_runtime(Broken)
    with pytest.raises(DeclarationError, match="wrong"):
        runtime.make_parts()
