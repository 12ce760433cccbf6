"""A collection of a foreign MongoDB: its documents, and the stream of its changes.

It uses pymongo's asyncio client whatever the setting `mongo_driver` says: motor's change streams differ.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.errors import OperationFailure, PyMongoError

from api.cdc.capture_states import CaptureState
from api.cdc.extended_json import FOREIGN_CODEC
from domain.kernel.errors import ConfigurationError, NerveError, Unavailable
from eventstore.mongo.driver import AUTHENTICATION_FAILED, TIMEOUTS, UNAUTHORIZED
from eventstore.mongo.outages import is_outage

NO_CHANGE_STREAMS = 40573
LOST = frozenset(
    {
        136,  # CappedPositionLost
        260,  # InvalidResumeToken
        280,  # ChangeStreamFatalError: the change of the token is not found
        286,  # ChangeStreamHistoryLost
    }
)
"""MongoDB's error codes."""

RESUMABLE = "ResumableChangeStreamError"
"""MongoDB's label of errors after which a change stream is opened again."""

COPY_BATCH = 500
"""Documents that are read at once."""

Document = dict[str, Any]
ChangeStream = AsyncCollectionChangeStream[Document]


def time_after(time: Timestamp) -> Timestamp:
    """Return the first time of an operation after this one."""
    return Timestamp(time.time, time.inc + 1)


class ForeignCollection:
    """One collection. Every method raises Unavailable where its server is out of reach.

    They raise ConfigurationError where the server refuses the user, or has no change streams.
    """

    def __init__(self, client: AsyncMongoClient[Document], database: str, name: str) -> None:
        self.full_name = f"{database}.{name}"
        self._client = client
        self._name = name
        self._database = client[database]
        self._collection = self._database.get_collection(name, codec_options=FOREIGN_CODEC)

    async def check(self) -> None:
        """Raise ConfigurationError where the collection has no change streams."""
        options = await self._describe()
        kind = options.get("type", "collection")
        if kind != "collection":
            raise ConfigurationError(
                f"{self.full_name} is a {kind}, and MongoDB has change streams of collections alone; name "
                "the collection that its documents come from"
            )
        with self._errors():
            stream = await self._collection.watch()
            await stream.close()

    async def time(self) -> Timestamp:
        """Return the time of the server's last operation, after which changes can be read."""
        with self._errors():
            reply = await self._client.admin.command("ping")
        if "operationTime" not in reply:
            raise self._without_change_streams()
        time: Timestamp = reply["operationTime"]
        return time

    async def count(self) -> int:
        """Return about how many documents there are."""
        with self._errors():
            return await self._collection.estimated_document_count()

    async def documents(self, since: Timestamp) -> AsyncGenerator[Document]:
        """Yield all documents, each as it was at this time or later."""
        with self._errors():
            async with self._client.start_session(causal_consistency=True) as session:
                # A majority read may otherwise be of a state before that time.
                session.advance_operation_time(since)
                documents = self._collection.find({}, session=session, batch_size=COPY_BATCH)
                async for document in documents.sort("_id", 1):
                    yield document

    async def find(self, key: Any) -> Document | None:
        """Return the document with this `_id` as it is now."""
        with self._errors():
            return await self._collection.find_one({"_id": key})

    @asynccontextmanager
    async def changes(
        self, state: CaptureState, max_wait_ms: int | None = None
    ) -> AsyncIterator[ChangeStream]:
        """Open the stream of the changes from a state on; raise ChangesLost if the server has them no more.

        A reading waits for a change at most `max_wait_ms`, by default as long as the server decides.
        """
        images = (await self._describe()).get("options", {}).get("changeStreamPreAndPostImages", {})
        is_exact = bool(images.get("enabled"))
        place: Mapping[str, Any] = (
            {"start_at_operation_time": time_after(state.start)}
            if state.token is None
            else {"resume_after": state.token}
        )
        with self._errors():
            stream = await self._collection.watch(
                full_document="whenAvailable" if is_exact else "updateLookup",
                full_document_before_change="whenAvailable" if is_exact else None,
                batch_size=COPY_BATCH,
                max_await_time_ms=max_wait_ms,
                **place,
            )
            async with stream:
                yield stream

    async def _describe(self) -> Mapping[str, Any]:
        """Return what the server says of the collection; nothing where it does not exist."""
        with self._errors():
            async with await self._database.list_collections(filter={"name": self._name}) as listed:
                return next(iter(await listed.to_list()), {})

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise errors of the driver as errors of nerve, without the server's text, which may have data."""
        try:
            yield
        except PyMongoError as error:
            raise self._explain(error) from error

    def _explain(self, error: PyMongoError) -> NerveError:
        code = error.code if isinstance(error, OperationFailure) else None
        if code == NO_CHANGE_STREAMS:
            return self._without_change_streams()
        if code in LOST:
            return ChangesLost(
                f"the changes of {self.full_name} since the last run are no longer in the oplog of its "
                "server; run the command once with --snapshot, which copies the collection again and records "
                "what differs"
            )
        if code in (AUTHENTICATION_FAILED, UNAUTHORIZED):
            return ConfigurationError(
                f"the MongoDB user of the URL may not read {self.full_name}; it needs the role `read` of "
                "that database"
            )
        if is_outage(error) or error.has_error_label(RESUMABLE):
            return Unavailable(f"the MongoDB of {self.full_name} did not answer in time; try again")
        return NerveError(
            f"the MongoDB of {self.full_name} refuses to read it ({type(error).__name__}, code {code})"
        )

    def _without_change_streams(self) -> ConfigurationError:
        return ConfigurationError(
            f"the MongoDB of {self.full_name} has no change streams, because it is not a replica set; start "
            "it with --replSet, one member is enough, and run rs.initiate()"
        )


class ChangesLost(NerveError):
    """The server does not have all changes since the last run any more."""


@asynccontextmanager
async def open_foreign_collection(url: str, database: str, name: str) -> AsyncIterator[ForeignCollection]:
    """Open a collection by the URL of its MongoDB. Raises ConfigurationError where that is no such URL."""
    # From the primary: a document that is looked up must not be older than its change.
    options: Mapping[str, Any] = {"readPreference": "primary", "readConcernLevel": "majority", **TIMEOUTS}
    try:
        client = AsyncMongoClient[Document](url, **options)
    except (PyMongoError, ValueError, OSError):
        # The message may have the URL, and with it the password.
        raise ConfigurationError(
            "the URL of the foreign MongoDB is invalid: expected mongodb://host:port/"
        ) from None
    async with client:
        yield ForeignCollection(client, database, name)
