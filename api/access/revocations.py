"""The revocations of all tenants that are in force, as the log has them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from api.access.callers import AccessRevocation, Caller, ScheduledRevocation
from domain.builtin.revocations.commands import AccessKind, access_stream
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import RecordedEvent
from domain.kernel.errors import Forbidden, Unauthenticated

logger = logging.getLogger(__name__)

_RESOLUTION = timedelta(milliseconds=1)
"""The precision of record times: what was issued in the same millisecond counts as issued before."""

_FIELDS = {AccessKind.SUBJECT: "subject", AccessKind.CREDENTIAL: "credential", AccessKind.ROLE: "role"}

_Key = tuple[AccessKind, str | None]
"""Kind and name."""


@dataclass(frozen=True, slots=True)
class UnreadableRevocation(AccessRevocation):
    """The end of access for what a stream is about, because an event of it cannot be read.

    Where this is neither a subject, a credential nor a role, it is the whole tenant.
    """

    stream: str = ""

    def matches(self, caller: Caller) -> bool:
        """Return whether the stream is about the caller."""
        if caller.own_tenant != self.tenant:
            return False
        names = [(kind, name) for kind, name in _keys(caller) if name is not None]
        is_about_name = self.stream.startswith(tuple(f"access-{kind.lower()}:" for kind in _FIELDS))
        return not is_about_name or self.stream in {access_stream(kind, name) for kind, name in names}


class Revocations:
    """Refuses callers whose access has ended. A lookup does not depend on the number of revocations.

    What an event that cannot be read is about has no access until an event restores it.
    """

    def __init__(self) -> None:
        # Both by tenant.
        self._in_force: dict[str, dict[_Key, AccessRevocation]] = defaultdict(dict)
        self._unreadable: dict[str, dict[str, AccessRevocation]] = defaultdict(dict)

    def check(self, caller: Caller) -> None:
        """Raise Unauthenticated where new credentials would be accepted, Forbidden where none are."""
        if in_force := self._in_force.get(caller.own_tenant):
            for key in _keys(caller):
                revocation = in_force.get(key)
                if revocation is not None and revocation.matches(caller):
                    text = f"access has ended: {revocation.reason}"
                    raise Forbidden(text) if revocation.issued_before is None else Unauthenticated(text)
        if unreadable := self._unreadable.get(caller.own_tenant):
            for revocation in unreadable.values():
                if revocation.matches(caller):
                    raise Forbidden(f"access has ended: {revocation.reason}")

    def apply(self, event: RecordedEvent) -> ScheduledRevocation | None:
        """Take the event into account, and return the revocation that it is."""
        tenant = event.commit.tenant
        match event.payload:
            case AccessEnded() as ended:
                names = {_FIELDS[ended.kind]: ended.name} if ended.kind in _FIELDS else {}
                # By the record time, which no earlier commit is after, whatever the clocks of processes say.
                before = None if ended.until_restored else event.commit.at + _RESOLUTION
                revocation = AccessRevocation(ended.reason, tenant, issued_before=before, **names)
                self._in_force[tenant][ended.kind, ended.name] = revocation
                return ScheduledRevocation(revocation)
            case AccessRestored() as restored:
                self._in_force[tenant].pop((restored.kind, restored.name), None)
                self._unreadable[tenant].pop(event.stream, None)
            case _:
                return ScheduledRevocation(self._end_unreadable(event))
        return None

    def _end_unreadable(self, event: RecordedEvent) -> AccessRevocation:
        logger.error(
            "version %d of %s in tenant %s ends or restores access, and cannot be read; whom it concerns is "
            "refused until this process has the version of nerve that wrote it",
            event.version, event.stream, event.commit.tenant,
        )  # fmt: skip
        revocation = UnreadableRevocation(
            "its record cannot be read by this version of nerve", event.commit.tenant, stream=event.stream
        )
        self._unreadable[event.commit.tenant][event.stream] = revocation
        return revocation


def _keys(caller: Caller) -> Iterator[_Key]:
    """Yield the keys of the revocations of its tenant that can concern a caller."""
    yield AccessKind.TENANT, None
    yield AccessKind.SUBJECT, caller.subject
    yield AccessKind.CREDENTIAL, caller.credential
    for role in caller.roles:
        yield AccessKind.ROLE, role
