"""The revocations of all tenants that are in force, as the log has them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from api.access.callers import AccessRevocation, Caller, ScheduledRevocation
from domain.builtin.revocations.commands import AccessKind
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import RecordedEvent
from domain.kernel.errors import Forbidden, Unauthenticated

logger = logging.getLogger(__name__)

_RESOLUTION = timedelta(milliseconds=1)
"""The precision of record times: what was issued in the same millisecond counts as issued before."""

_FIELDS = {AccessKind.SUBJECT: "subject", AccessKind.CREDENTIAL: "credential", AccessKind.ROLE: "role"}

_Key = tuple[str, AccessKind, str | None]
"""Tenant, kind and name."""


class Revocations:
    """Refuses callers whose access has ended. A lookup does not depend on the number of revocations."""

    def __init__(self) -> None:
        self._in_force: dict[_Key, AccessRevocation] = {}

    def check(self, caller: Caller) -> None:
        """Raise Unauthenticated where new credentials would be accepted, Forbidden where none are."""
        for key in _keys(caller):
            revocation = self._in_force.get(key)
            if revocation is not None and revocation.matches(caller):
                text = f"access has ended: {revocation.reason}"
                raise Forbidden(text) if revocation.issued_before is None else Unauthenticated(text)

    def apply(self, event: RecordedEvent) -> ScheduledRevocation | None:
        """Take the event into account, and return the revocation that it is."""
        tenant = event.commit.tenant
        match event.payload:
            case AccessEnded() as ended:
                names = {_FIELDS[ended.kind]: ended.name} if ended.kind in _FIELDS else {}
                # By the record time, which no earlier commit is after, whatever the clocks of processes say.
                before = None if ended.until_restored else event.commit.at + _RESOLUTION
                revocation = AccessRevocation(ended.reason, tenant, issued_before=before, **names)
                self._in_force[tenant, ended.kind, ended.name] = revocation
                return ScheduledRevocation(revocation)
            case AccessRestored() as restored:
                self._in_force.pop((tenant, restored.kind, restored.name), None)
            case _:
                logger.error("version %d of %s ends or restores access, and cannot be read; deploy the "
                             "version of nerve that wrote it", event.version, event.stream)  # fmt: skip
        return None


def _keys(caller: Caller) -> Iterator[_Key]:
    """Yield the keys of the revocations that can concern a caller."""
    tenant = caller.own_tenant
    yield tenant, AccessKind.TENANT, None
    yield tenant, AccessKind.SUBJECT, caller.subject
    yield tenant, AccessKind.CREDENTIAL, caller.credential
    for role in caller.roles:
        yield tenant, AccessKind.ROLE, role
