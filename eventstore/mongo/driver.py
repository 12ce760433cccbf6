"""The one module that knows the MongoDB driver.

motor is the default; pymongo's own asyncio client is its successor. The protocols below are the calls that
both share, and all that nerve uses.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import UTC
from typing import Any, Literal, Protocol, Self, cast

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import (
    AsyncMongoClient,
    IndexModel,
    InsertOne,
    MongoClient,
    ReplaceOne,
    UpdateOne,
    WriteConcern,
)
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.results import BulkWriteResult, DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from domain.kernel.errors import ConfigurationError, Unavailable, UntrustedCertificate
from eventstore.mongo.cancellation import CancellationSafe
from eventstore.mongo.outages import is_outage

Driver = Literal["motor", "pymongo"]
Document = dict[str, Any]
Sort = Sequence[tuple[str, int]]
Write = InsertOne[Document] | ReplaceOne[Document] | UpdateOne

CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
"""Decodes BSON as the client's own reads do."""

DUPLICATE_KEY = 11_000
UNAUTHORIZED = 13
INDEX_NOT_FOUND = 27
AUTHENTICATION_FAILED = 18
OTHER_CASE = 13_297
"""MongoDB's error codes. The last one means that two names differ only in upper and lower case."""

TIMEOUTS: Mapping[str, int] = {
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "heartbeatFrequencyMS": 2_000,
    "socketTimeoutMS": 20_000,
    "wTimeoutMS": 10_000,
}
"""A call to a silent server ends after a heartbeat's interval and a connect's timeout."""

_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""OpenSSL's name of the reason; the driver keeps of the failed handshake no more than its text."""

MAJORITY: Mapping[str, Any] = {"w": "majority", "journal": True, "readConcernLevel": "majority"}
"""A client's options for majority-durable writes and majority reads."""

SHORTEST_LIMIT = 0.001
"""Seconds; to the driver, 0 means no limit."""


class Cursor(Protocol):
    """A query that runs when it is read."""

    def sort(self, key_or_list: Sort) -> Self: ...
    def limit(self, limit: int) -> Self: ...
    def hint(self, index: str) -> Self: ...
    def to_list(self, length: int | None) -> Awaitable[list[Document]]: ...
    def __aiter__(self) -> AsyncIterator[Document]: ...


class RawCursor(Protocol):
    """A query that yields batches as the server sends them: BSON documents one after the other."""

    def sort(self, key_or_list: Sort) -> Self: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Collection(Protocol):
    """A collection; the driver's reference defines the arguments."""

    @property
    def name(self) -> str: ...
    def with_options(
        self, *, codec_options: CodecOptions[Any] | None = ..., write_concern: WriteConcern | None = ...
    ) -> Collection: ...
    def find(
        self,
        filter: Mapping[str, Any] = ...,
        projection: Mapping[str, Any] | None = ...,
        *,
        max_time_ms: int | None = ...,
    ) -> Cursor: ...
    async def find_one(
        self,
        filter: Mapping[str, Any],
        projection: Mapping[str, Any] | None = ...,
        *,
        sort: Sort | None = ...,
        hint: str | None = ...,
    ) -> Document | None: ...
    async def distinct(self, key: str) -> list[Any]: ...
    async def find_one_and_update(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        upsert: bool = ...,
        return_document: bool = ...,
    ) -> Document | None: ...
    async def insert_one(self, document: Document) -> InsertOneResult: ...
    async def insert_many(
        self, documents: Sequence[Document] | Sequence[RawBSONDocument], ordered: bool = ...
    ) -> InsertManyResult: ...
    async def update_one(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        upsert: bool = ...,
    ) -> UpdateResult: ...
    async def update_many(
        self, filter: Mapping[str, Any], update: Mapping[str, Any], upsert: bool = ...
    ) -> UpdateResult: ...
    async def bulk_write(self, requests: Sequence[Write], ordered: bool = ...) -> BulkWriteResult: ...
    async def delete_one(self, filter: Mapping[str, Any]) -> DeleteResult: ...
    async def delete_many(self, filter: Mapping[str, Any]) -> DeleteResult: ...
    async def count_documents(
        self, filter: Mapping[str, Any], *, limit: int = ..., maxTimeMS: int = ...
    ) -> int: ...
    async def create_index(
        self,
        keys: Sort,
        *,
        name: str = ...,
        unique: bool = ...,
        partialFilterExpression: Mapping[str, Any] = ...,
    ) -> str: ...
    async def create_indexes(self, indexes: Sequence[IndexModel]) -> list[str]: ...
    async def drop_index(self, index_or_name: str) -> None: ...
    async def index_information(self) -> Mapping[str, Any]: ...
    def find_raw_batches(self, filter: Mapping[str, Any]) -> RawCursor: ...
    async def drop(self) -> None: ...


class Database(Protocol):
    """A database of a client."""

    @property
    def name(self) -> str: ...
    def __getitem__(self, name: str) -> Collection: ...
    async def command(self, command: str | Mapping[str, Any]) -> Mapping[str, Any]: ...
    async def list_collection_names(self) -> list[str]: ...


class Client(Protocol):
    """Connections to one deployment."""

    def __getitem__(self, name: str) -> Database: ...
    async def drop_database(self, name: str) -> None: ...


@asynccontextmanager
async def open_client(url: str, driver: Driver = "motor") -> AsyncIterator[Client]:
    """Open a client with majority-durable writes and majority reads; it is closed at the end.

    It connects with its first call. Raises ConfigurationError where the URL is no MongoDB URL.
    """
    make: Any = AsyncIOMotorClient if driver == "motor" else AsyncMongoClient
    try:
        client = make(
            url,
            **MAJORITY,
            # Overrides the URL: a secondary may show old data.
            readPreference="primary",
            retryWrites=True,
            tz_aware=True,
            tzinfo=UTC,
            **TIMEOUTS,
        )
    except OSError:
        raise ConfigurationError(
            "the MongoDB URL names a file that cannot be read, as tlsCAFile or tlsCertificateKeyFile"
        ) from None
    except (PyMongoError, ValueError):
        # The driver's message may hold the URL, and with it the password.
        raise ConfigurationError("the MongoDB URL is invalid: expected mongodb://host:port/") from None
    try:
        lossy = driver == "pymongo" and sys.version_info < (3, 12)
        yield cast(Client, CancellationSafe(client) if lossy else client)
    finally:
        if driver == "motor":
            # motor's close() waits for the server, and is no coroutine.
            await asyncio.to_thread(client.close)
        else:
            await client.close()


@contextmanager
def open_blocking_client(url: str) -> Iterator[MongoClient[Document]]:
    """Open a client for a thread that does not run the event loop, with the URL of another client."""
    options: Mapping[str, Any] = {**MAJORITY, **TIMEOUTS}
    with MongoClient[Document](url, **options) as client:
        yield client


def time_limit(seconds: float) -> AbstractContextManager[None]:
    """Limit each call within the block, with all its retries, in the client and at the server."""
    return pymongo.timeout(max(seconds, SHORTEST_LIMIT))


@contextmanager
def unavailable_if_down() -> Iterator[None]:
    """Raise Unavailable where MongoDB cannot be reached, or does not answer in time."""
    try:
        yield
    except PyMongoError as error:
        if not is_outage(error):
            raise
        if _UNTRUSTED in str(error):
            raise UntrustedCertificate("the certificate of MongoDB is not trusted") from error
        raise Unavailable(f"MongoDB did not answer in time ({type(error).__name__}); try again") from error


@contextmanager
def refused_if_forbidden(setting: str) -> Iterator[None]:
    """Raise ConfigurationError where MongoDB refuses the user of that setting, its rights, or the database.

    The server's own message is left out, since it may contain data.
    """
    try:
        yield
    except UntrustedCertificate:
        raise ConfigurationError(
            f"the certificate of MongoDB is not signed by an authority that {setting} trusts; name the file "
            "of the authority as tlsCAFile in the URL"
        ) from None
    except OperationFailure as error:
        if error.code == AUTHENTICATION_FAILED:
            raise ConfigurationError(f"MongoDB refuses the user and password of {setting}") from None
        if error.code == OTHER_CASE:
            raise ConfigurationError(
                "MongoDB has a database whose name differs from the setting `database` only in upper and"
                " lower case; use its name, or another one"
            ) from None
        if error.code != UNAUTHORIZED:
            raise
        raise ConfigurationError(
            f"the MongoDB user of {setting} lacks rights that nerve needs, or the URL names none;"
            " `nerve secure` makes users that have them"
        ) from None
