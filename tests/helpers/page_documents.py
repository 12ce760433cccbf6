"""Random selections of a page of tasks, and random rows of such a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from domain.kernel.errors import NotFound

ROW = {
    "id": "task-1",
    "title": "Ä",
    "status": "CREATED",
    "tags": ["a", "b"],
    "created_at": datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC),
    "duration_seconds": 1.5,
    "result": {"a": [1]},
    "_position": 7,
    "_version": 3,
}

LEAVES = ["__typename", "id", "title", "status", "tags", "createdAt", "durationSeconds", "result"]
META = ["_meta { key version parked }", "_meta { __typename version }"]
FRAGMENT = "fragment T on Task { id title @skip(if: $yes) }"
CONDITIONS = ["", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: true)", " @skip(if: true)"]

leaves = st.builds(
    lambda alias, name, condition: f"{alias and alias + name.strip('_') + ': '}{name}{condition}",
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(LEAVES),
    st.sampled_from(CONDITIONS),
)
fields = st.lists(leaves | st.sampled_from(META), min_size=1, max_size=5).map(" ".join)
fragments = st.builds(
    lambda before, inside, condition: f"{before} ...{condition} {{ {inside} }} ...T",
    fields,
    fields,
    st.sampled_from(["", " on Task", " @include(if: $yes)"]),
)
rows_selected = fields | fragments
edges = st.builds(
    lambda row, cursor: f"{cursor} node {{ {row} }}", rows_selected, st.sampled_from(["", "cursor"])
)
parts = (
    edges.map(lambda text: f"edges {{ {text} }}")
    | rows_selected.map(lambda text: f"nodes {{ {text} }}")
    | st.sampled_from(
        [
            "pageInfo { hasNextPage hasPreviousPage }",
            "pageInfo { startCursor endCursor }",
            "totalCount",
            "__typename",
        ]
    )
)
selections = st.lists(parts, min_size=1, max_size=3).map(" ".join)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.none() | st.integers() | st.text(max_size=2), max_size=2),
    st.sampled_from(["CREATED", "HIGH"]),
)
rows = st.dictionaries(st.sampled_from(sorted(ROW.keys() - {"_position"})), values, max_size=2).map(
    lambda changed: {**ROW, **changed}
)

no_rows = st.sampled_from([None, NotFound("it is gone")])
"""What may be in the place of a row: nothing, or the error that replaces it."""


def page(found: Sequence[Any], *, reads_later: bool) -> dict[str, Any]:
    """The source of a connection; with `reads_later` its next page is read when it is selected."""

    async def has_next() -> bool:
        return True

    async def count() -> int:
        return len(found)

    side = has_next if reads_later else True
    return {
        "rows": found,
        "cursor": lambda row: f"cursor of {row['id']}",
        "has_next_page": side,
        "has_previous_page": False,
        "count": count,
    }
