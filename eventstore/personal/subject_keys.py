"""The keys of the subjects, wrapped by the master key. Without its key a subject's data is unreadable.

    {_id: "<tenant>/<subject>", wrapped, master: id of the master key, at}     or, after an erasure,
    {_id: "<tenant>/<subject>", erased: true, at}

Keys are never cached: each page that is read and each group that is written loads them, so that every
process sees an erasure at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from domain.dispatch.ports import Clock
from domain.kernel.errors import ConfigurationError, PersonalDataRefused
from eventstore.mongo.driver import DUPLICATE_KEY, Database, Document, Write, unavailable_if_down
from eventstore.personal.sealing import MasterKeys, WrappedKey, new_key

ROTATION_PAGE = 500
"""Keys that a rotation reads and writes at once."""

NO_MASTER_KEY = "set NERVE_MASTER_KEY, to what `openssl rand -base64 32` prints"


class LockedKey:
    """A subject's key that this process cannot unwrap."""


class ErasedKey:
    """A subject whose key was destroyed."""


LOCKED_KEY: Final = LockedKey()
ERASED_KEY: Final = ErasedKey()

SubjectKey = AESGCM | LockedKey | ErasedKey


def owner_of(tenant: str, subject: str) -> str:
    """Return the `_id` of a subject's key. A tenant's name has no slash."""
    return f"{tenant}/{subject}"


class SubjectKeys:
    """Stores the keys of one log's subjects.

    Every method except `obtain` raises Unavailable where MongoDB does not answer.
    """

    def __init__(self, database: Database, masters: MasterKeys | None, clock: Clock) -> None:
        self._keys = database["keys"]
        self._meta = database["meta"]
        self._masters = masters
        self._clock = clock

    async def open(self) -> None:
        """Check the master key; raises ConfigurationError where it cannot unwrap the keys of the log."""
        with unavailable_if_down():
            if self._masters is None:
                if await self._keys.find_one({"wrapped": {"$exists": True}}, {"_id": 1}) is not None:
                    raise ConfigurationError(
                        "this log has personal data that is sealed under a master key;"
                        f" {NO_MASTER_KEY.split(',')[0]}"
                    )
                return
            await self._meta.update_one(
                {"_id": "master_key"}, {"$setOnInsert": {"id": self._masters.current}}, upsert=True
            )
            stored = await self._meta.find_one({"_id": "master_key"})
        if stored is None or stored["id"] not in self._masters:
            raise ConfigurationError(
                "master_key is not the one that wraps the keys of this log; set that one, or add it to"
                " old_master_keys and run `nerve keys rotate`"
            )

    async def find(self, owners: Collection[str]) -> dict[str, SubjectKey]:
        """Return the keys of these owners; owners who never had a key are left out."""
        with unavailable_if_down():
            return await self._find(owners)

    def require_master(self) -> None:
        """Raise PersonalDataRefused without a master key."""
        if self._masters is None:
            raise PersonalDataRefused(
                f"personal data is stored only under a master key, and none is set; {NO_MASTER_KEY}"
            )

    async def obtain(self, owners: Collection[str]) -> dict[str, SubjectKey]:
        """Return the key of each owner, and make missing ones; raises what the driver raises."""
        keys = await self._find(owners)
        if self._masters is not None and (missing := [owner for owner in owners if owner not in keys]):
            await self._make(self._masters, missing)
            keys |= await self._find(missing)
        return keys

    async def destroy(self, owners: Collection[str]) -> None:
        """Destroy the owners' keys: their data is unreadable for ever, and they never get a key again."""
        gone = {"$set": {"erased": True, "at": self._clock()}, "$unset": {"wrapped": 1, "master": 1}}
        with unavailable_if_down():
            await self._keys.bulk_write(
                [UpdateOne({"_id": owner}, gone, upsert=True) for owner in owners], ordered=False
            )

    async def rotate(
        self, progress: Callable[[int, int], None] = lambda done, total: None, page: int = ROTATION_PAGE
    ) -> int:
        """Wrap every key by the current master key; return how many keys were wrapped.

        `progress` gets the number of keys that are done, and of all. A rotation can be interrupted at any
        time and run again. Raises ConfigurationError without a master key, and where the master key that
        wraps a key is unknown.
        """
        masters = self._masters
        if masters is None:
            raise ConfigurationError(f"there is no master key that could wrap the keys; {NO_MASTER_KEY}")
        former: Document = {"master": {"$exists": True, "$ne": masters.current}}
        with unavailable_if_down():
            total, done, last = await self._keys.count_documents(former), 0, ""
            progress(done, total)
            while keys := await self._next(former, last, page):
                writes = [write for key in keys if (write := _rewrapped(masters, key)) is not None]
                if writes:
                    await self._keys.bulk_write(writes, ordered=False)
                done, last = done + len(writes), keys[-1]["_id"]
                progress(done, max(total, done))
            left = await self._keys.find_one(former)
            if left is not None:
                raise ConfigurationError(
                    f"{done} keys were wrapped, and at least one cannot be: the key of {left['_id']}, wrapped"
                    f" by the master key with the id {left['master']}; add that key to old_master_keys and"
                    " run this again"
                )
            await self._meta.update_one({"_id": "master_key"}, {"$set": {"id": masters.current}}, upsert=True)
        return done

    async def _next(self, wanted: Document, after: str, limit: int) -> list[Document]:
        cursor = self._keys.find({**wanted, "_id": {"$gt": after}}).sort([("_id", 1)])
        return await cursor.limit(limit).to_list(None)

    async def _find(self, owners: Collection[str]) -> dict[str, SubjectKey]:
        documents = await self._keys.find({"_id": {"$in": list(owners)}}).to_list(None)
        return {document["_id"]: self._unwrapped(document) for document in documents}

    async def _make(self, masters: MasterKeys, owners: Collection[str]) -> None:
        """Make keys for these owners, except for those that got a key or were erased before that."""
        now = self._clock()
        made = []
        for owner in owners:
            wrapped = masters.wrap(new_key(), owner)
            made.append({"_id": owner, "wrapped": wrapped.value, "master": wrapped.master, "at": now})
        try:
            await self._keys.insert_many(made, ordered=False)
        except BulkWriteError as error:
            refused = error.details["writeErrors"]
            if error.details["writeConcernErrors"] or any(
                write_error["code"] != DUPLICATE_KEY for write_error in refused
            ):
                raise

    def _unwrapped(self, document: Document) -> SubjectKey:
        if "wrapped" not in document:
            return ERASED_KEY
        wrapped = WrappedKey(document["wrapped"], document["master"])
        if self._masters is None or wrapped.master not in self._masters:
            return LOCKED_KEY
        try:
            return AESGCM(self._masters.unwrap(wrapped, document["_id"]))
        except InvalidTag:
            return LOCKED_KEY


def _rewrapped(masters: MasterKeys, document: Document) -> Write | None:
    """Return the write that wraps a key again, unless the subject is erased first; None: it cannot be."""
    wrapped, owner = WrappedKey(document["wrapped"], document["master"]), document["_id"]
    if wrapped.master not in masters:
        return None
    try:
        rewrapped = masters.wrap(masters.unwrap(wrapped, owner), owner)
    except InvalidTag:
        return None
    return UpdateOne(
        {"_id": owner, "wrapped": wrapped.value},
        {"$set": {"wrapped": rewrapped.value, "master": rewrapped.master}},
    )
