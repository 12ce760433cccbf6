"""The rules of ending and restoring access."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.builtin.revocations.aggregate import Revocation
from domain.builtin.revocations.commands import AccessKind, EndAccess, RestoreAccess
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.kernel import NotFound
from domain.testing import given

ADA: dict[str, Any] = {"kind": AccessKind.SUBJECT, "name": "auth0|ada", "reason": "left"}
ENDED = AccessEnded(**ADA)
RESTORED = AccessRestored(**ADA)


def test_access_ends_for_what_was_issued_until_now() -> None:
    given(Revocation).when(EndAccess(**ADA)).then(ENDED)


def test_access_ends_again_for_what_was_issued_since() -> None:
    given(Revocation, ENDED).when(EndAccess(**ADA)).then(ENDED)


def test_access_ends_until_it_is_restored() -> None:
    given(Revocation).when(EndAccess(**ADA, until_restored=True)).then(
        AccessEnded(**ADA, until_restored=True)
    )


def test_a_second_end_opens_nothing() -> None:
    """Access that ended until it is restored stays so."""
    locked = AccessEnded(**ADA, until_restored=True)
    given(Revocation, locked).when(EndAccess(**ADA)).then(locked)
    given(Revocation, locked, RESTORED).when(EndAccess(**ADA)).then(ENDED)


def test_access_is_restored_once() -> None:
    given(Revocation, ENDED).when(RestoreAccess(**ADA)).then(RESTORED)
    given(Revocation, ENDED, RESTORED).when(RestoreAccess(**ADA)).then_nothing()
    given(Revocation).when(RestoreAccess(**ADA)).then_refused(NotFound, "'auth0|ada' has never ended")


def test_each_kind_and_name_has_a_stream_of_its_own() -> None:
    commands = [
        EndAccess(**ADA),
        EndAccess(**{**ADA, "name": "auth0|eve"}),
        EndAccess(**{**ADA, "kind": AccessKind.ROLE}),
        EndAccess(kind=AccessKind.TENANT, reason="closed"),
    ]
    assert len({command.target for command in commands}) == len(commands)
    assert RestoreAccess(**ADA).target == commands[0].target


@pytest.mark.parametrize(
    "fields", [{"name": None}, {"kind": AccessKind.TENANT}, {"reason": ""}, {"kind": "USER"}], ids=str
)
def test_a_wrong_command_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndAccess(**{**ADA, **fields})
