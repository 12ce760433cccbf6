"""What an index is said to serve, MongoDB answers by what matches; the rest is refused or warned of."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import pytest

from domain.kernel.errors import NotIndexed
from projections.kernel import View, by_stream
from projections.kernel.field_kinds import kinds
from projections.querying.filters import parse_filter, to_predicate
from projections.querying.ordering import OrderBy, parse_order
from projections.querying.pages import ListQuery
from projections.querying.queries import ViewReader
from projections.querying.row_scope import RowScope
from projections.querying.serving import missing_index, shape_of
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import fill
from tests.helpers.notes import context
from tests.helpers.row_scopes import ALL_ROWS

ROWS = 1_500
PAGE = 10
QUERIES = 60


class Measured(TypedDict):
    id: str
    state: str
    owner: str | None
    size: int
    rank: int
    tags: list[str]


view = View(
    name="measured",
    singular="one",
    context=context,
    row=Measured,
    key=by_stream,
    apply=lambda _id, row, _event: row,
    filters=("state", "owner", "size", "rank", "tags"),
    orders=("size", "rank", "owner"),
    indexes=(("state", "-size"), ("owner", "state", "rank"), ("size", "-rank"), ("tags", "size")),
)


def a_row(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "id": f"note-{number:04}",
        "state": chance.choices("ABCDE", [60, 30, 8, 1.5, 0.5])[0],
        "owner": chance.choice([None, *(f"o{i}" for i in range(40))]),
        "size": chance.randrange(1_000),
        "rank": chance.randrange(50),
        "tags": chance.sample("uvwxyz", chance.randrange(3)),
    }


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    chance = random.Random(5)
    return [a_row(number, chance) for number in range(ROWS)]


@pytest.fixture
async def rig(
    mongo_url: str, redis_url: str, database: str, rows: list[dict[str, Any]]
) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, view=view) as rig:
        await fill(rig, rows)
        yield rig


def a_condition(chance: random.Random) -> dict[str, Any]:
    state, owner = chance.choice("ABCDE"), chance.choice([None, "o1", "o17"])
    low = chance.choice([5, 500, 990])
    return chance.choice(
        [
            {"state": {"eq": state}},
            {"state": {"in": chance.sample("ABCDE", 2)}},
            {"state": {"ne": state}},
            {"state": {"startsWith": state}},
            {"owner": {"eq": owner}},
            {"owner": {"in": [owner, "o3"]}},
            {"owner": {"isNull": chance.random() < 0.5}},
            {"owner": {"startsWith": chance.choice(["o1", "o22", ""])}},
            {"size": {chance.choice(["lt", "gte"]): low}},
            {"size": {"gt": low, "lte": low + 8}},
            {"rank": {"eq": low % 50}},
            {"tags": {"contains": chance.choice("uvwxyz")}},
            {"id": {"in": ["note-0001", "note-1000"]}},
        ]
    )


def a_filter(chance: random.Random) -> dict[str, Any]:
    parts = [a_condition(chance) for _ in range(chance.choice([0, 1, 1, 2, 2, 3]))]
    parts = [{"not": part} if chance.random() < 0.2 else part for part in parts]
    joined: dict[str, Any] = {"and": parts}
    if chance.random() < 0.2:
        return {"or": [joined, {"and": [a_condition(chance)]}]}
    return {"not": {"not": joined}} if chance.random() < 0.2 else joined


def an_order(chance: random.Random) -> OrderBy:
    fields = chance.sample(["size", "rank", "owner"], chance.choice([0, 1, 1, 2]))
    return [(field, chance.choice(["asc", "desc"])) for field in fields]


class Asked(NamedTuple):
    filter: dict[str, Any]
    order: OrderBy
    matching: int


def served(rows: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """Random queries that an index is said to serve."""
    chance, found = random.Random(11), list[Asked]()
    while len(found) < QUERIES:
        asked, order = a_filter(chance), an_order(chance)
        parsed = parse_filter(view, asked)
        if missing_index(view, shape_of(parsed), parse_order(view, order).keys) is None:
            found.append(Asked(asked, order, sum(map(to_predicate(parsed), rows))))
    return found


async def test_what_is_served_reads_what_matches(rig: Rig, rows: list[dict[str, Any]]) -> None:
    """MongoDB says how many rows it has looked at for each page and count of random queries."""
    queries = served(rows)
    assert sum("or" in query.filter for query in queries) > 3
    assert sum(query.matching < 50 for query in queries) > 15
    collection = f"{rig.database.name}.{rig.rows().name}"
    await rig.database.command({"create": "system.profile", "capped": True, "size": 64_000_000})
    await rig.database.command({"profile": 2})
    for query in queries:
        first = await rig.reader.page(ALL_ROWS, ListQuery(PAGE, query.filter, query.order))
        after = first.cursor(first.rows[-1]) if first.rows else None
        await rig.reader.page(ALL_ROWS, ListQuery(PAGE, query.filter, query.order, after=after))
        await rig.reader.page(ALL_ROWS, ListQuery(PAGE, query.filter, query.order, backward=True))
        assert await rig.reader.count(ALL_ROWS, query.filter) == query.matching
    await rig.database.command({"profile": 0})
    told = rig.database["system.profile"].find({"ns": collection, "op": {"$in": ["query", "command"]}})
    asked = await told.sort([("$natural", 1)]).to_list(None)
    assert len(asked) == 4 * len(queries)
    for number, entry in enumerate(asked):
        query, counted = queries[number // 4], number % 4 == 3
        # Without a filter an index gives the order, and a page is all that is read.
        bound = query.matching if counted or any(name in str(query.filter) for name in kinds(view)) else 0
        limit = 2 * (bound + 2 * PAGE)
        assert entry["docsExamined"] <= limit, (query, entry["docsExamined"], entry["planSummary"])
        assert entry["keysExamined"] <= 2 * limit, (query, entry["keysExamined"], entry["planSummary"])


UNSERVED: list[tuple[dict[str, Any] | None, OrderBy]] = [
    ({"owner": {"contains": "1"}}, []),
    ({"state": {"eq": "A"}, "rank": {"eq": 7}}, []),
    (None, [("size", "asc"), ("rank", "asc")]),
]


@pytest.mark.parametrize(("asked", "order"), UNSERVED, ids=str)
async def test_what_no_index_serves_is_refused_of_many_rows(
    rig: Rig, asked: dict[str, Any] | None, order: OrderBy
) -> None:
    reader = ViewReader(rig.locator, PAGE)
    with pytest.raises(NotIndexed) as refused:
        await reader.page(ALL_ROWS, ListQuery(1, asked, order))
    assert refused.value.details()["view"] == "measured"
    assert await reader.page(RowScope("another"), ListQuery(1, asked, order))
    if asked:
        with pytest.raises(NotIndexed):
            await reader.count(ALL_ROWS, asked)
        with pytest.raises(NotIndexed):
            await reader.matching(ALL_ROWS, parse_filter(view, asked), 1)


async def test_what_an_index_leaves_may_be_looked_through(rig: Rig, rows: list[dict[str, Any]]) -> None:
    reader = ViewReader(rig.locator, 100)
    of_owner = {"owner": {"eq": "o1"}, "rank": {"lt": 25}, "not": {"tags": {"contains": "x"}}}
    await rig.database.command({"profile": 2})
    found = await reader.page(ALL_ROWS, ListQuery(100, of_owner, [("rank", "asc"), ("size", "desc")]))
    await rig.database.command({"profile": 0})
    of_rows = {"op": "query", "ns": f"{rig.database.name}.{rig.rows().name}"}
    (told,) = await rig.database["system.profile"].find(of_rows).to_list(None)
    assert told["docsExamined"] <= 100, told["planSummary"]
    assert len(found.rows) == sum(map(to_predicate(parse_filter(view, of_owner)), rows)) > 3
    for asked in ({"state": {"eq": "A"}, "rank": {"lt": 25}}, {"or": [of_owner, {"rank": {"eq": 1}}]}):
        with pytest.raises(NotIndexed):
            await reader.page(ALL_ROWS, ListQuery(1, asked))


@pytest.mark.parametrize(("asked", "order"), UNSERVED, ids=str)
@pytest.mark.parametrize("limit", [ROWS, None])
async def test_what_no_index_serves_is_answered_of_few_rows_or_where_it_is_wanted_with_a_warning(
    rig: Rig,
    caplog: pytest.LogCaptureFixture,
    limit: int | None,
    asked: dict[str, Any] | None,
    order: OrderBy,
) -> None:
    reader = ViewReader(rig.locator, limit)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await reader.page(ALL_ROWS, ListQuery(1, asked, order))
    warned = [record for record in caplog.records if "no index of measured serves" in record.message]
    assert len(warned) == 1
