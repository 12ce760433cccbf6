"""Generated declarations over the whole table of types, each through all of nerve, as clients see it.

Each is a command, an event, a state, a row and a view with the same fields. Values go through the API, the
log, the view, queries, filters, orders and live messages; then through a restart with snapshots, an upcaster,
an export and its import into another database: equal everywhere. `NERVE_DECLARATIONS` says how many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from domain.kernel.errors import DeclarationError
from tests.helpers.declared_types import declared_fields
from tests.helpers.generated_contexts import GeneratedContext
from tests.helpers.generated_trial import Made, Trial
from tests.helpers.served_api import serve

AT_ONCE = 10
"""Contexts of one nerve."""

DECLARATIONS = int(os.environ.get("NERVE_DECLARATIONS", "10"))

_numbers = count()


def letters(number: int) -> str:
    """A number in letters alone, as categories have to be."""
    return "thing" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def declare(data: st.DataObject) -> Iterator[Made]:
    """Contexts with commands; what is refused when it is declared is left out."""
    for _ in range(AT_ONCE):
        context = GeneratedContext(letters(next(_numbers)), data.draw(declared_fields(2)))
        try:
            context.register()
        except DeclarationError:
            continue
        made = Made(context)
        for number in range(data.draw(st.integers(1, 3))):
            key = f"{context.name}-{number}"
            made.commands[key] = context.command(id=key, **data.draw(context.values))
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@settings(
    max_examples=DECLARATIONS // AT_ONCE,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(data=st.data())
def test_every_declared_type_comes_back_as_declared(
    mongo_url: str, redis_url: str, folder: Path, data: st.DataObject
) -> None:
    trial = Trial(list(declare(data)), mongo_url, redis_url)
    path = folder / f"{uuid4().hex}.jsonl"
    try:
        with serve(**trial.settings) as served:
            trial.commands(served)
            trial.all_is_as_it_was(served)
            trial.filters(served)
            trial.orders(served)
            asyncio.run(trial.live(served))
        asyncio.run(trial.restart())
        for made in trial.made:
            made.context.register(revision=2)
        asyncio.run(trial.export(path))
        asyncio.run(trial.restore(path))
        with serve(**trial.settings) as served:
            trial.all_is_as_it_was(served)
            trial.again(served)
            trial.all_is_as_it_was(served)
    finally:
        with MongoClient[dict[str, object]](mongo_url) as client:
            for name in (trial.settings["database"], trial.settings["database"].removesuffix("_restored")):
                client.drop_database(name)
