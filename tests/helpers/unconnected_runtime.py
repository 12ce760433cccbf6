"""A runtime whose servers do not exist; making its parts must not connect to them."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

from api.contexts import load_contexts
from api.ids import now
from api.runtime import Runtime
from api.settings import Settings
from eventstore.log import EventLog
from subscriptions.feed.wakeups import Wakeups


def unconnected_runtime(runtime_class: type[Runtime] = Runtime, **fields: Any) -> Runtime:
    """Return a runtime of nerve's own contexts; `fields` are further fields of its class."""
    settings = Settings()
    declarations = load_contexts(settings)
    catalog = declarations.catalog
    database: Any = AsyncMongoClient(connect=False)["nerve"]
    log = EventLog(database, catalog, clock=now, announce=lambda position: None, fence_after=1.0)
    wakeups = Wakeups("redis://127.0.0.1:1", "nerve")
    return runtime_class(
        settings=settings, catalog=catalog, views=declarations.views, policies=declarations.policies,
        database=database, wakeups=wakeups, log=log, digest_key=b"d" * 32,
        position_key=b"p" * 32, **fields,
    )  # fmt: skip
