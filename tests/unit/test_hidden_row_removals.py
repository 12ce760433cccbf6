"""What a subscriber that resumes receives of rows that its rule hides by now."""

from __future__ import annotations

from eventstore.place import Place
from projections.live.messages import ChangeKind
from projections.live.result_set import ResultSet
from projections.live.resume_state import ResumeState
from projections.querying.filters import EVERYTHING, FieldCondition
from projections.querying.row_scope import RowScope
from projections.storage.rows import Row

OF_ANN = RowScope("default", FieldCondition("owner", "eq", "ann"))
AWAY, NOW = Place(4), Place(9)


def row(id: str, position: int, owner: str) -> Row:
    meta = {"_tenant": "default", "_gone": False, "_position": position, "_place": 0, "_created": 1}
    return {"id": id, "owner": owner, **meta}


def test_removals_of_hidden_rows_come_first_and_at_the_place_where_the_subscriber_resumes() -> None:
    """So one that is cut in between has no row any more that was hidden where it resumes next."""
    kept, lost, secret = row("kept", 5, "ann"), row("lost", 8, "bob"), row("secret", 7, "bob")
    result_set = ResultSet(OF_ANN, EVERYTHING)
    changes = list(ResumeState(AWAY).missed([kept, secret, lost], AWAY, NOW, result_set, {"lost"}))
    assert [(change.kind, change.id, change.row, change.place) for change in changes] == [
        (ChangeKind.REMOVED, "lost", None, AWAY),
        (ChangeKind.UPDATED, "kept", kept, Place(5, 0)),
    ]
