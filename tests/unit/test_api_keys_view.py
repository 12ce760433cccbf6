"""The rows of the view `api_keys`."""

from __future__ import annotations

from datetime import timedelta

from domain.builtin.apikeys.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from domain.testing import NOON
from projections.builtin.api_keys import view
from projections.testing import History

ID = "apikey-1"
HOUR = timedelta(hours=1)
HASHES = ("a" * 64, "b" * 64)
ISSUED = ApiKeyIssued(name="billing", subject=ID, roles=("clerk",), secret_hash=HASHES[0])


def test_a_row_has_the_present_state_of_a_key() -> None:
    history = History().add(ID, ISSUED, actor="ada")
    history.add(
        ID, ApiKeyRotated(secret_hash=HASHES[1], old_valid_until=NOON + 2 * HOUR), at=NOON + HOUR, actor="ada"
    )
    row = {
        "id": ID,
        "name": "billing",
        "subject": ID,
        "roles": ["clerk"],
        "commands": None,
        "issued_at": NOON,
        "issued_by": "ada",
        "expires_at": None,
        "rotated_at": NOON + HOUR,
        "old_valid_until": NOON + 2 * HOUR,
        "revoked_at": None,
        "revoke_reason": None,
    }
    assert history.rows(view) == {ID: row}
    history.add(ID, ApiKeyRevoked(reason="leaked"), at=NOON + HOUR)
    revoked = {"old_valid_until": None, "revoked_at": NOON + HOUR, "revoke_reason": "leaked"}
    assert history.rows(view) == {ID: {**row, **revoked}}


def test_no_row_has_a_hash() -> None:
    rotated = ApiKeyRotated(secret_hash=HASHES[1], old_valid_until=NOON)
    rows = History().add(ID, ISSUED, rotated).rows(view)
    assert not any(value in HASHES for row in rows.values() for value in row.values())


def test_commands_have_the_names_of_their_mutations() -> None:
    """As they are written when a key is issued."""
    issued = ISSUED.model_copy(update={"commands": ("BookRoom", "CreateTask")})
    (row,) = History().add(ID, issued).rows(view).values()
    assert row["commands"] == ["bookRoom", "createTask"]
