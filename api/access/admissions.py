"""All that came in and is not over: each ends at once when the access of its caller does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime

from api.access.callers import AccessRevocation, Authenticator, Caller
from domain.kernel.errors import Forbidden, NerveError, RateLimited, Unauthenticated

OnEnd = Callable[[NerveError], None]
"""Ends a connection, and tells its client this error."""


class Admission:
    """One request or connection that was let in."""

    __slots__ = ("caller", "ended", "on_end", "timer")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.ended: NerveError | None = None
        self.on_end: OnEnd | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> bool:
        """Whether it is a connection that stays open."""
        return self.on_end is not None


class Admissions:
    """What is let in at one endpoint; each subject may have `most` connections open at a time."""

    def __init__(self, access: Authenticator, clock: Callable[[], datetime], most: int) -> None:
        self._access = access
        self._clock = clock
        self._most = most
        self._open: set[Admission] = set()
        self._connections: Counter[str] = Counter()
        self._deciding = 0
        self._meanwhile: list[AccessRevocation] = []

    def admit(self, headers: Mapping[str, str]) -> Admission | Coroutine[None, None, Admission]:
        """Let in who sends these headers, until `release`; at once where that can be decided at once.

        Raises Unauthenticated or Forbidden, and whatever else the decision does.
        """
        decided = self._access.admit(headers)
        return self._let_in(decided) if isinstance(decided, Caller) else self._decide(decided)

    def hold(self, admission: Admission, on_end: OnEnd) -> None:
        """It is a connection that stays open: when access ends, it is released and `on_end` is called.

        Raises RateLimited where its subject has too many, and what ended access where that was before.
        """
        subject, expires_at = admission.caller.subject, admission.caller.expires_at
        if admission.ended:
            raise admission.ended
        if subject is not None:
            if self._connections[subject] >= self._most:
                raise RateLimited(f"{self._most} open connections are all that one may have")
            self._connections[subject] += 1
        admission.on_end = on_end
        if expires_at is not None:
            left = (expires_at - self._clock()).total_seconds()
            expired = Unauthenticated("access has expired; come again with new credentials")
            admission.timer = asyncio.get_running_loop().call_later(left, self._finish, admission, expired)

    def release(self, admission: Admission) -> None:
        """It is over; to say so twice does no harm."""
        if admission not in self._open:
            return
        self._open.discard(admission)
        if admission.timer:
            admission.timer.cancel()
        subject = admission.caller.subject
        if admission.held and subject is not None:
            self._connections[subject] -= 1
            if not self._connections[subject]:
                del self._connections[subject]

    def end(self, ended: AccessRevocation) -> int:
        """Access has ended for some callers: so do their connections. Returns how many."""
        if self._deciding:
            self._meanwhile.append(ended)
        concerned = [one for one in self._open if ended.concerns(one.caller)]
        return sum(self._finish(admission, _forbidden(ended)) for admission in concerned)

    async def _decide(self, deciding: Awaitable[Caller]) -> Admission:
        known = len(self._meanwhile)
        self._deciding += 1
        try:
            caller = await deciding
            for ended in self._meanwhile[known:]:
                if ended.concerns(caller):
                    raise _forbidden(ended)
        finally:
            self._deciding -= 1
            if not self._deciding:
                self._meanwhile.clear()
        return self._let_in(caller)

    def _let_in(self, caller: Caller) -> Admission:
        admission = Admission(caller)
        self._open.add(admission)
        return admission

    def _finish(self, admission: Admission, error: NerveError) -> bool:
        """Whether it was a connection; a request that is no such is left to end by itself."""
        admission.ended = error
        if admission.on_end is None:
            return False
        self.release(admission)
        admission.on_end(error)
        return True


def _forbidden(ended: AccessRevocation) -> Forbidden:
    return Forbidden(f"access has ended: {ended.reason}")
