"""Streams as versioned documents: versions, the state at each, and the differences between two."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

from domain.dispatch.ports import LoadedState
from domain.kernel import Aggregate, CommitInfo, RecordedEvent
from domain.kernel.errors import NotFound, ValidationFailed
from domain.kernel.types.json_values import Rename
from eventstore.aggregates.rebuilder import payloads
from eventstore.history.diff import ValueChange, diff
from eventstore.history.state_json import state_json
from eventstore.log import EventLog
from eventstore.reading.as_of import AsOf

A = TypeVar("A", bound=Aggregate[Any, Any])


class StreamVersion(NamedTuple):
    """The version of a stream after a commit, and the types of the commit's events."""

    version: int
    types: tuple[str, ...]
    commit: CommitInfo


class StreamHistory:
    """Reads the past of streams, folded from the log each time.

    With `upto` it reads streams as if they ended at that version. Methods raise NotFound for a stream that
    does not exist, and Unavailable for an event that this process cannot read.
    """

    def __init__(self, log: EventLog, upto: int | None = None) -> None:
        self._log = log
        self._upto = upto

    async def readable_part(
        self, tenant: str, stream: str, is_readable: Callable[[RecordedEvent], bool]
    ) -> StreamHistory:
        """Return the history up to the last event of the stream, all of which are readable.

        An event that is appended later is not in it, because nothing has checked that one. Raises NotFound,
        as for a stream that does not exist, where an event is not readable.
        """
        version = 0
        async with aclosing(self._events(tenant, stream, 0, self._log.options.stream_page)) as events:
            async for event in events:
                if not is_readable(event):
                    raise no_stream(stream)
                version = event.version
        return StreamHistory(self._log, version)

    async def events(self, tenant: str, stream: str, as_of: AsOf) -> list[RecordedEvent]:
        """Return all events of the stream up to a point in the past; raises OutsideLog as `position_at`."""
        version = await self._version_at(tenant, stream, as_of)
        if not version:
            await self._require(tenant, stream, 0)
        return await self._log.stream(tenant, stream, limit=version)

    async def state(self, tenant: str, stream: str, kind: type[A], as_of: AsOf) -> LoadedState[A]:
        """Return the aggregate at a point in the past, at version 0 where it did not exist yet.

        Raises OutsideLog as `position_at`.
        """
        return await self.state_at(tenant, stream, kind, await self._version_at(tenant, stream, as_of))

    async def state_at(self, tenant: str, stream: str, kind: type[A], version: int) -> LoadedState[A]:
        """Return the aggregate at a version; 0 is before the first. Raises NotFound for a later one."""
        await self._require(tenant, stream, version)
        state, reached = kind(), 0
        while reached < version:
            page = await self._log.stream(
                tenant, stream, reached, min(self._log.options.stream_page, version - reached)
            )
            state, reached = state.evolve_all(payloads(page)), page[-1].version
        return LoadedState(state, version, fresh=False)

    async def versions(
        self, tenant: str, stream: str, after: int = 0, limit: int | None = None
    ) -> list[StreamVersion]:
        """Return the versions after version `after`, at most `limit`: one for each commit, in order."""
        await self._require(tenant, stream, 0)
        versions: list[StreamVersion] = []
        async with aclosing(
            self._events(tenant, stream, after, limit or self._log.options.stream_page)
        ) as events:
            async for event in events:
                if versions and versions[-1].commit.position == event.position:
                    types = (*versions[-1].types, event.type)
                    versions[-1] = StreamVersion(event.version, types, event.commit)
                elif len(versions) == limit:
                    break
                else:
                    versions.append(StreamVersion(event.version, (event.type,), event.commit))
        return versions

    async def diff(
        self, tenant: str, stream: str, kind: type[Aggregate[Any, Any]], first: int, second: int
    ) -> list[ValueChange]:
        """Return the steps from the state at one version to that at another, whichever is later."""
        return diff(
            await self.document(tenant, stream, kind, first),
            await self.document(tenant, stream, kind, second),
        )

    async def document(
        self,
        tenant: str,
        stream: str,
        kind: type[Aggregate[Any, Any]],
        version: int,
        rename: Rename = str,
    ) -> dict[str, Any]:
        """Return the state at a version as JSON, empty at version 0; see `state_at` and `state_json`."""
        loaded = await self.state_at(tenant, stream, kind, version)
        return state_json(loaded.state, rename) if version else {}

    async def _events(
        self, tenant: str, stream: str, after: int, page: int
    ) -> AsyncGenerator[RecordedEvent, None]:
        while events := await self._read(tenant, stream, after, page):
            for event in events:
                yield event
            after = events[-1].version

    async def _require(self, tenant: str, stream: str, version: int) -> None:
        """Raise NotFound where the stream has never come to `version`."""
        if version < 0:
            raise ValidationFailed(
                f"{version} is not a version; 0 is the state before the first event", ("version",)
            )
        if await self._read(tenant, stream, max(0, version - 1), 1):
            return
        if not version or not await self._read(tenant, stream, 0, 1):
            raise no_stream(stream)
        raise NotFound(f"{stream} has no version {version} yet")

    async def _version_at(self, tenant: str, stream: str, as_of: AsOf) -> int:
        version = await self._log.version_at(tenant, stream, as_of)
        return version if self._upto is None else min(version, self._upto)

    async def _read(self, tenant: str, stream: str, after: int, limit: int) -> list[RecordedEvent]:
        """Return the events after version `after`, at most `limit`, and none behind `upto`."""
        if self._upto is not None:
            limit = min(limit, self._upto - after)
        return await self._log.stream(tenant, stream, after, limit) if limit > 0 else []


def no_stream(stream: str) -> NotFound:
    """Return the error for a stream that does not exist, or not for the caller."""
    return NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")
