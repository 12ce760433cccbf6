"""Both drivers have what nerve calls: mypy cannot check it, since the clients are cast to our protocols."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorCollection,
    AsyncIOMotorCursor,
    AsyncIOMotorDatabase,
)
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

from eventstore.mongo.driver import Client, Collection, Cursor, Database

PROTOCOLS = {
    Client: (AsyncIOMotorClient, AsyncMongoClient),
    Database: (AsyncIOMotorDatabase, AsyncDatabase),
    Collection: (AsyncIOMotorCollection, AsyncCollection),
    Cursor: (AsyncIOMotorCursor, AsyncCursor),
}
METHODS = [
    pytest.param(implementation, name, method, id=f"{implementation.__name__}.{name}")
    for protocol, implementations in PROTOCOLS.items()
    for implementation in implementations
    for name, method in vars(protocol).items()
    if inspect.isfunction(method) and name not in ("__init__", "__subclasshook__")
]


@pytest.mark.parametrize(("implementation", "name", "declared"), METHODS)
def test_a_driver_accepts_the_calls_that_nerve_makes(implementation: type, name: str, declared: Any) -> None:
    method = getattr(implementation, name, None)
    assert callable(method), f"{implementation.__name__} has no {name}() any more"
    parameters = inspect.signature(declared).parameters.values()
    required = [None for parameter in parameters if parameter.default is parameter.empty]
    optional = {parameter.name: None for parameter in parameters if parameter.default is not parameter.empty}
    inspect.signature(method).bind(*required, **optional)


@pytest.mark.parametrize("implementation", [AsyncIOMotorCollection, AsyncCollection])
def test_a_collection_has_the_calls_that_the_two_drivers_make_differently(implementation: type) -> None:
    assert callable(getattr(implementation, "aggregate", None))
    assert callable(getattr(implementation, "find_raw_batches", None))


def test_only_pymongo_makes_an_aggregation_with_a_coroutine() -> None:
    """`aggregate` awaits it; motor returns the cursor at once."""
    assert inspect.iscoroutinefunction(AsyncCollection.aggregate)
    assert not inspect.iscoroutinefunction(AsyncIOMotorCollection.aggregate)
