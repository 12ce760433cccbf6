"""The rows of the view `revocations`."""

from __future__ import annotations

from datetime import timedelta

from domain.builtin.revocations.commands import AccessKind, EndAccess
from domain.builtin.revocations.events import AccessEnded, AccessRestored
from domain.testing import NOON
from projections.builtin.revocations import view
from projections.testing import History

ADA = EndAccess(kind=AccessKind.SUBJECT, name="ada", reason="left").target


def test_a_row_has_the_end_of_access_that_is_in_force() -> None:
    """A second end replaces the first one, and a restoration removes the row."""
    ended = AccessEnded(kind=AccessKind.SUBJECT, name="ada", reason="left")
    history = History().add(ADA, ended, actor="root")
    row = {
        "id": ADA,
        "kind": AccessKind.SUBJECT,
        "name": "ada",
        "reason": "left",
        "until_restored": False,
        "ended_at": NOON,
        "ended_by": "root",
    }
    assert history.rows(view) == {ADA: row}
    locked = AccessEnded(kind=AccessKind.SUBJECT, name="ada", reason="again", until_restored=True)
    history.add(ADA, locked, at=NOON + timedelta(hours=1))
    changed = {"reason": "again", "until_restored": True, "ended_at": NOON + timedelta(hours=1)}
    assert history.rows(view) == {ADA: {**row, **changed, "ended_by": None}}
    history.add(ADA, AccessRestored(kind=AccessKind.SUBJECT, name="ada", reason="back"))
    assert history.rows(view) == {}
