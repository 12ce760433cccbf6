"""The end of access that an event says which this process cannot read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.access.callers import Caller
from api.access.revocations import Revocations
from domain.builtin.revocations.commands import TENANT_STREAM, AccessKind, access_stream
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import RecordedEvent, Scope
from domain.kernel.errors import Forbidden
from tests.helpers.instances import recorded

LATER = datetime(2999, 1, 1, tzinfo=UTC)
ADA = Caller(Scope("default"), "ada", frozenset({"clerk"}), "token-1", issued_at=LATER)
EVE = Caller(Scope("default"), "eve", frozenset({"auditor"}), "token-2", issued_at=LATER)
ABROAD = Caller(Scope("other"), "ada", frozenset({"clerk"}), "token-1", issued_at=LATER)
STREAM = access_stream(AccessKind.SUBJECT, "ada")


def unreadable(stream: str) -> RecordedEvent:
    ended = AccessEnded(kind=AccessKind.SUBJECT, name="ada", reason="left")
    return recorded(ended, stream, 1, 1)._replace(payload=None)


def is_refused(revocations: Revocations, caller: Caller) -> bool:
    try:
        revocations.check(caller)
    except Forbidden:
        return True
    return False


def refused(revocations: Revocations) -> list[Caller]:
    """The callers that are refused."""
    return [caller for caller in (ADA, EVE, ABROAD) if is_refused(revocations, caller)]


@pytest.mark.parametrize(
    ("stream", "concerned"),
    [
        (STREAM, [ADA]),
        (access_stream(AccessKind.CREDENTIAL, "token-2"), [EVE]),
        (access_stream(AccessKind.ROLE, "auditor"), [EVE]),
        (access_stream(AccessKind.ROLE, "ada"), []),
        (TENANT_STREAM, [ADA, EVE]),
        ("access-device:0123456789abcdef", [ADA, EVE]),
    ],
    ids=["subject", "credential", "role", "other role", "tenant", "unknown kind"],
)
def test_whom_the_stream_concerns_is_refused(
    stream: str, concerned: list[Caller], caplog: pytest.LogCaptureFixture
) -> None:
    """Credentials that are issued later too. Open connections of the same callers are closed."""
    revocations = Revocations()
    scheduled = revocations.apply(unreadable(stream))
    assert refused(revocations) == concerned
    assert scheduled is not None
    assert scheduled.at is None
    assert [caller for caller in (ADA, EVE, ABROAD) if scheduled.revocation.matches(caller)] == concerned
    assert f"version 1 of {stream} in tenant default ends or restores access" in caplog.text


def test_only_a_restoration_opens_it_again() -> None:
    """A later end of access that can be read leaves what the earlier event meant in force."""
    revocations = Revocations()
    revocations.apply(unreadable(STREAM))
    fields: dict[str, Any] = {"kind": AccessKind.SUBJECT, "name": "ada", "reason": "left"}
    revocations.apply(recorded(AccessEnded(**fields), STREAM, 2, 2))
    assert refused(revocations) == [ADA]
    revocations.apply(recorded(AccessRestored(**fields), STREAM, 3, 3))
    assert refused(revocations) == []
