"""The requests and connections in progress. Connections are closed as soon as their caller's access ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count

from api.access.callers import AccessRevocation, Authenticator, Caller
from api.access.connection_places import UNLIMITED, ConnectionPlaces
from domain.kernel.errors import Forbidden, NerveError, Unauthenticated
from domain.kernel.limit_errors import RateLimited

OnRevoked = Callable[[NerveError], None]
"""Closes a connection, and sends its client this error."""

_Subject = tuple[str, str]
"""Tenant and subject: two tenants may have subjects of the same name."""


class Admission:
    """A request or connection whose caller was authenticated."""

    __slots__ = ("_on_revoked", "_timer", "caller", "error", "number", "opened_at")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.number = 0
        """The number of the connection among all of its process; 0 for a request."""
        self.opened_at: datetime | None = None
        """When it became a connection."""
        self.error: NerveError | None = None
        """The error by which access has ended, if it has."""
        self._on_revoked: OnRevoked | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_connection(self) -> bool:
        """Whether it is a connection that stays open."""
        return self._on_revoked is not None

    def keep_open(
        self, on_revoked: OnRevoked, timer: asyncio.TimerHandle | None, number: int, opened_at: datetime
    ) -> None:
        """Make it a connection; the `timer` fires when the caller's access expires."""
        self.number, self.opened_at = number, opened_at
        self._on_revoked = on_revoked
        self._timer = timer

    def renew(self, caller: Caller, timer: asyncio.TimerHandle | None) -> None:
        """Continue the connection with new credentials of its caller, which expire when `timer` fires."""
        self.cancel_timer()
        self.caller, self._timer = caller, timer

    def cancel_timer(self) -> None:
        """Forget when access expires."""
        if self._timer:
            self._timer.cancel()

    def revoke(self, error: NerveError) -> None:
        """End access. A connection is closed; a request ends by itself."""
        self.error = error
        if self._on_revoked is not None:
            self._on_revoked(error)


class Admissions:
    """Admits requests and connections of one endpoint.

    A caller, identified by its tenant and subject, may have `limit` connections at a time here, and as many
    as there are `places` for it in all processes.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        clock: Callable[[], datetime],
        limit: int,
        places: ConnectionPlaces = UNLIMITED,
    ) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._limit = limit
        self._places = places
        self._with_place: set[Admission] = set()
        self._taking: set[asyncio.Task[None]] = set()
        self._open: set[Admission] = set()
        self._connections: Counter[_Subject] = Counter()
        self._authenticating = 0
        self._recent_revocations: list[AccessRevocation] = []
        self._numbers = count(1)

    def admit(self, headers: Mapping[str, str]) -> Admission | Coroutine[None, None, Admission]:
        """Return the admission of a request with these headers, which lasts until `release`.

        It is a coroutine where authentication has to wait. Raises Unauthenticated, Forbidden, and what else
        authentication raises.
        """
        caller = self._authenticator.authenticate(headers)
        return self._add(caller) if isinstance(caller, Caller) else self._admit_later(caller)

    def find_caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller that sent these headers; None where authentication has to wait.

        Raises what `admit` raises.
        """
        caller = self._authenticator.authenticate(headers)
        if isinstance(caller, Caller):
            return caller
        if isinstance(caller, Coroutine):
            caller.close()
        return None

    def admit_now(self, headers: Mapping[str, str]) -> Admission | None:
        """Return what `admit` does; None where authentication has to wait. Raises what `admit` raises."""
        caller = self.find_caller(headers)
        return None if caller is None else self._add(caller)

    def keep_open(self, admission: Admission, on_revoked: OnRevoked) -> None:
        """Make the admission a connection that stays open until access ends or `release` is called.

        When access ends it is released and `on_revoked` is called; also when other processes turn out to have
        all connections of its subject. Raises RateLimited where its subject has too many connections, and the
        error by which access has ended already.
        """
        subject = _subject(admission.caller)
        if admission.error:
            raise admission.error
        if subject is not None:
            if self._connections[subject] >= self._limit:
                raise self._too_many()
            self._take_place(admission)
            self._connections[subject] += 1
        timer = self._start_timer(admission, admission.caller)
        admission.keep_open(on_revoked, timer, next(self._numbers), self._clock())

    def renew(self, admission: Admission, headers: Mapping[str, str]) -> Coroutine[None, None, None] | None:
        """Continue an open connection with the credentials in these headers, until these expire.

        It is a coroutine where authentication has to wait. Raises what authentication raises, and Forbidden
        where the caller is another one, or has other roles or claims: what runs was admitted with the old
        ones.
        """
        caller = self._authenticator.authenticate(headers)
        if not isinstance(caller, Caller):
            return self._renew_later(admission, caller)
        self._replace_caller(admission, caller)
        return None

    def release(self, admission: Admission) -> None:
        """End the request or connection. A second call does nothing."""
        if admission not in self._open:
            return
        self._open.discard(admission)
        admission.cancel_timer()
        subject = _subject(admission.caller)
        if admission.is_connection and subject is not None:
            self._connections[subject] -= 1
            if not self._connections[subject]:
                del self._connections[subject]
        if admission in self._with_place:
            self._with_place.discard(admission)
            self._places.give_back(admission.caller)

    def revoke(self, revocation: AccessRevocation) -> int:
        """End access for the callers that match. Return the number of connections that this closes."""
        if self._authenticating:
            self._recent_revocations.append(revocation)
        matching = [admission for admission in self._open if revocation.matches(admission.caller)]
        for admission in matching:
            self.end(admission, _forbidden(revocation))
        return sum(admission.is_connection for admission in matching)

    def end(self, admission: Admission, error: NerveError) -> None:
        """End the access of this request or connection alone, and close a connection with the error."""
        if admission.is_connection:
            self.release(admission)
        admission.revoke(error)

    def _too_many(self) -> RateLimited:
        return RateLimited(f"a caller may have {self._limit} open connections at a time")

    def _take_place(self, admission: Admission) -> None:
        """Take a place for the connection. It is open while other processes are asked."""
        place = self._places.take(admission.caller)
        if isinstance(place, bool):
            if not place:
                raise self._too_many()
            self._with_place.add(admission)
            return
        task = asyncio.ensure_future(self._await_place(admission, place))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _await_place(self, admission: Admission, place: Awaitable[bool]) -> None:
        is_taken = await place
        if is_taken and admission in self._open:
            self._with_place.add(admission)
        elif is_taken:
            self._places.give_back(admission.caller)
        elif admission in self._open:
            self.end(admission, self._too_many())

    async def _admit_later(self, authenticating: Awaitable[Caller]) -> Admission:
        return self._add(await self._authenticate(authenticating))

    async def _renew_later(self, admission: Admission, authenticating: Awaitable[Caller]) -> None:
        caller = await self._authenticate(authenticating)
        if admission in self._open:
            self._replace_caller(admission, caller)

    def _replace_caller(self, admission: Admission, caller: Caller) -> None:
        old = admission.caller
        if (caller.scope, caller.subject) != (old.scope, old.subject):
            raise Forbidden("a connection can be renewed by its own subject alone; open another one")
        renewed = replace(
            old, credential=caller.credential, expires_at=caller.expires_at, issued_at=caller.issued_at
        )
        if renewed != caller:
            raise Forbidden("the roles or claims of the caller have changed; connect again")
        admission.renew(caller, self._start_timer(admission, caller))

    def _start_timer(self, admission: Admission, caller: Caller) -> asyncio.TimerHandle | None:
        """Return the timer that closes the connection when the caller's access expires."""
        if caller.expires_at is None:
            return None
        left = (caller.expires_at - self._clock()).total_seconds()
        expired = Unauthenticated("access has expired; connect again with new credentials")
        return asyncio.get_running_loop().call_later(left, self.end, admission, expired)

    async def _authenticate(self, authenticating: Awaitable[Caller]) -> Caller:
        """Return the caller. A revocation during this call counts: the authenticator may not have seen it."""
        start = len(self._recent_revocations)
        self._authenticating += 1
        try:
            caller = await authenticating
            for revocation in self._recent_revocations[start:]:
                if revocation.matches(caller):
                    raise _forbidden(revocation)
        finally:
            self._authenticating -= 1
            if not self._authenticating:
                self._recent_revocations.clear()
        return caller

    def _add(self, caller: Caller) -> Admission:
        admission = Admission(caller)
        self._open.add(admission)
        return admission


def _subject(caller: Caller) -> _Subject | None:
    return None if caller.subject is None else (caller.own_tenant, caller.subject)


def _forbidden(revocation: AccessRevocation) -> Forbidden:
    return Forbidden(f"access has ended: {revocation.reason}")
