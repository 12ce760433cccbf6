"""The rules of issuing, rotating and revoking API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.builtin.apikeys.aggregate import ApiKey
from domain.builtin.apikeys.commands import IssueApiKey, RevokeApiKey, RotateApiKey
from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from domain.dispatch.digest import command_digest
from domain.testing import NOON, given

ID, OLD, NEW = "apikey-1", "a" * 64, "b" * 64
ISSUED = ApiKeyIssued(name="billing", subject=ID, roles=("clerk",), secret_hash=OLD)
EXPIRING = ISSUED.model_copy(update={"expires_at": NOON + timedelta(hours=1)})


def issue(**fields: Any) -> IssueApiKey:
    return IssueApiKey(**{"id": ID, "name": "billing", "secret_hash": OLD, **fields})


def test_a_key_acts_as_itself_unless_it_has_another_subject() -> None:
    """Its roles and commands are sets."""
    given(ApiKey).when(issue(roles=("clerk", "clerk"))).then(ISSUED)
    narrow = issue(subject="agent-7", commands=("startTask", "CreateTask", "StartTask"))
    given(ApiKey).when(narrow).then(
        ApiKeyIssued(
            name="billing",
            subject="agent-7",
            roles=(),
            commands=("CreateTask", "StartTask"),
            secret_hash=OLD,
        )
    )


def test_a_key_without_commands_is_not_one_with_all() -> None:
    """An empty list allows no command; no list allows what the roles allow."""
    assert given(ApiKey).when(issue(commands=())).events[0].commands == ()  # type: ignore[union-attr]
    assert given(ApiKey).when(issue()).events[0].commands is None  # type: ignore[union-attr]


def test_a_key_expires_in_the_future() -> None:
    given(ApiKey).when(issue(expires_at=NOON)).then_refused(containing="in the future")
    given(ApiKey).when(issue(roles=["clerk"], expires_at=EXPIRING.expires_at)).then(EXPIRING)


def test_the_old_secret_is_valid_for_the_grace() -> None:
    rotate = RotateApiKey(id=ID, grace=timedelta(minutes=5), secret_hash=NEW)
    rotated = ApiKeyRotated(secret_hash=NEW, old_valid_until=NOON + timedelta(minutes=5))
    given(ApiKey, ISSUED).when(rotate).then(rotated)
    given(ApiKey, EXPIRING, rotated).when(rotate).then(rotated)


def test_a_key_that_is_not_valid_is_not_rotated() -> None:
    rotate = RotateApiKey(id=ID, secret_hash=NEW)
    given(ApiKey, ISSUED, ApiKeyRevoked()).when(rotate).then_refused(containing="is revoked")
    given(ApiKey, EXPIRING).at(NOON + timedelta(hours=1)).when(rotate).then_refused(containing="has expired")


def test_a_key_is_revoked_once() -> None:
    revoke = RevokeApiKey(id=ID, reason="leaked")
    given(ApiKey, ISSUED).when(revoke).then(ApiKeyRevoked(reason="leaked"))
    given(ApiKey, ISSUED, ApiKeyRevoked()).when(revoke).then_nothing()


@pytest.mark.parametrize(
    "fields",
    [{"secret_hash": "nerve_1_secret"}, {"roles": ("",)}, {"name": " "}, {"roles": ("r",) * 51}],
    ids=str,
)
def test_a_wrong_key_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        issue(**fields)


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), timedelta(days=91)])
def test_a_grace_is_bounded(grace: timedelta) -> None:
    with pytest.raises(ValidationError):
        RotateApiKey(id=ID, grace=grace, secret_hash=NEW)


def test_a_command_that_is_sent_again_is_the_same_with_another_secret() -> None:
    """The server makes the secret for each request."""
    key = b"key"
    assert command_digest(key, issue()) == command_digest(key, issue(secret_hash=NEW))
    assert command_digest(key, issue()) != command_digest(key, issue(name="other"))
