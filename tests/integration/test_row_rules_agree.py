"""A rule allows a caller the same rows in MongoDB, in memory and in the live engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any, TypedDict
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from domain.kernel.access import (
    Access,
    ClaimValue,
    Permission,
    anyone,
    bind,
    claim,
    owner,
    role,
    signed_in,
    where,
)
from domain.kernel.types.stored_values import encoder
from eventstore.mongo.driver import CODEC
from projections.kernel import View, by_stream
from projections.live.filter_index import FilterIndex
from projections.live.result_set import ResultSet
from projections.querying.filters import EVERYTHING, to_mongo, to_predicate
from projections.querying.row_scope import RowScope, row_scope
from tests.helpers.field_samples import Colour, decimals
from tests.helpers.notes import context


class Row(TypedDict):
    id: str
    text: str | None
    whole: int | None
    real: float | None
    flag: bool | None
    colour: Colour | None
    price: Decimal | None
    serial: UUID | None
    tags: list[str] | None
    prices: tuple[Decimal, ...] | None


@dataclass(frozen=True)
class Person:
    """A caller as rules see it."""

    subject: str | None = None
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, ClaimValue] = field(default_factory=dict)


def view_with(access: Access) -> View[Row]:
    return View(
        name="rows",
        singular="row",
        context=context,
        row=Row,
        key=by_stream,
        apply=lambda _id, row, _event: row,
        access=access,
    )


ENCODERS = {name: encoder(declared.type) for name, declared in view_with(anyone).record.fields.items()}
SERIALS = [UUID(int=0), UUID(int=10)]
HOSTILE = ["$ne", "$where", '{"$gt": ""}', "a\0b", "", "a.b", "\ufffd", "😀", "true", "1", "RED"]
UNSTORABLE = ["\ud800", 2**63, -(2**70), 10**40]

texts = st.sampled_from([*HOSTILE, "ann", "bob"])
wholes = st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1])
prices = decimals("0", "-0.0", "1", "1.00", "0.1", "9007199254740993")
single_claims = texts | wholes | st.booleans() | st.sampled_from([*map(str, SERIALS), *UNSTORABLE])
claim_values = single_claims | st.lists(single_claims, max_size=4).map(tuple)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": texts,
    "text": texts,
    "whole": wholes,
    "real": wholes.map(float) | st.sampled_from([0.5, -0.0, 1e300]),
    "flag": st.booleans(),
    "colour": st.sampled_from(Colour),
    "price": prices,
    "serial": st.sampled_from(SERIALS),
    "tags": st.lists(texts, max_size=3),
    "prices": st.lists(prices, max_size=2).map(tuple),
}
rows = st.fixed_dictionaries(
    {"id": texts}, optional={name: st.none() | values for name, values in VALUES.items() if name != "id"}
)
people = st.builds(
    Person,
    st.none() | single_claims.filter(lambda value: isinstance(value, str)),
    st.frozensets(st.sampled_from(["editor", "reader"])),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("team", "level"), claim_values)),
)
names = st.sampled_from(list(VALUES))
rules = st.recursive(
    st.one_of(
        names.map(owner),
        st.builds(claim, st.sampled_from(["team", "level"]), names),
        st.builds(where, names, single_claims),
        st.sampled_from([anyone, signed_in, role("editor"), role("reader", "other")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: reduce(or_, parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: reduce(and_, parts)),
    ),
    max_leaves=5,
)


def is_value(value: Any, allowed: Any) -> bool:
    """Whether a claim names the value of a field: an independent reading of what rules say."""
    if isinstance(value, bool) or isinstance(allowed, bool):
        return value is allowed
    if isinstance(value, UUID):
        return bool(allowed == str(value))
    if isinstance(value, str):
        return isinstance(allowed, str) and value == allowed
    return isinstance(allowed, int) and bool(value == allowed)


def allows(access: Access, person: Person, row: Mapping[str, Any]) -> bool:
    def meets(field_value: Any, allowed: tuple[Any, ...]) -> bool:
        values = field_value if isinstance(field_value, list | tuple) else [field_value]
        return any(is_value(value, each) for value in values for each in allowed)

    return any(
        (person.subject is not None or not grant.needs_subject)
        and (grant.roles is None or bool(grant.roles & person.roles))
        and all(meets(row.get(match.field), match.allowed_values(person)) for match in grant.matches)
        for grant in access.grants
    )


def as_stored(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    encoded = {
        name: value if value is None or (encode := ENCODERS[name]) is None else encode(value)
        for name, value in row.items()
    }
    meta = {"_id": number, "_tenant": "default", "_gone": False, "_created": 1, "_position": 1}
    return {**encoded, **meta, "_place": number}


@pytest.fixture
def stored(mongo_client: MongoClient[dict[str, Any]], database: str) -> Collection[dict[str, Any]]:
    return mongo_client[database].get_collection("rows", CODEC)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(rows, min_size=1, max_size=12, unique_by=lambda row: row["id"]),
    access=rules,
    callers=st.lists(people, min_size=2, max_size=4),
)
@example(
    made=[{"id": "a", "whole": 1, "flag": False, "real": 1.0}, {"id": "b", "whole": 0, "flag": True}],
    access=claim("level", "whole") | claim("level", "flag"),
    callers=[Person("ann", claims={"level": 1}), Person("ann", claims={"level": True})],
)
@example(
    made=[{"id": "a", "serial": SERIALS[0], "price": Decimal("1.0")}, {"id": "b", "serial": SERIALS[1]}],
    access=claim("level", "price") | owner("serial"),
    callers=[Person("ann", claims={"level": 1}), Person(str(SERIALS[1])), Person("1", claims={"level": "1"})],
)
@example(
    made=[{"id": "a", "tags": ["a", "b"], "text": "c"}, {"id": "b", "tags": ["c"], "text": "a"}],
    access=claim("team", "tags") | claim("level", "text"),
    callers=[
        Person("ann", claims={"team": ("b", "x"), "level": ("c", "d")}),
        Person("ann", claims={"team": ("c", "y")}),
    ],
)
@example(
    made=[{"id": "a", "text": "x", "tags": ["x"]}, {"id": "b", "text": None, "tags": None}, {"id": "c"}],
    access=owner("text") | owner("tags"),
    callers=[Person(None), Person("$ne")],
)
def test_a_rule_allows_the_same_rows_everywhere(
    stored: Collection[dict[str, Any]],
    made: list[dict[str, Any]],
    access: Access,
    callers: list[Person],
) -> None:
    """As MongoDB query, as predicate and in the live engine, for any rows, rules and callers."""
    stored.delete_many({})
    stored.insert_many([as_stored(number, row) for number, row in enumerate(made)])
    held, view = list(stored.find()), view_with(access)
    scopes: dict[str, set[int]] = {}
    permissions: dict[Permission, set[int]] = {}
    for person in callers:
        permission = bind(access, person)
        scope = row_scope(view, "default", permission)
        expected = {number for number, row in enumerate(made) if allows(access, person, row)}
        assert {row["_id"] for row in stored.find(to_mongo(scope.rule), {"_id": 1})} == expected
        is_allowed = to_predicate(scope.rule)
        assert {row["_id"] for row in held if is_allowed(row)} == expected
        assert live_rows(scope, held) == expected
        assert scopes.setdefault(scope.key, expected) == expected, "equal scopes show equal rows"
        assert permissions.setdefault(permission, expected) == expected, "equal permissions allow equal rows"


def live_rows(scope: RowScope, held: list[dict[str, Any]]) -> set[int]:
    """Return the rows that the live engine publishes to a subscriber of the scope."""
    index, result_set = FilterIndex[str](), ResultSet(scope, EVERYTHING)
    index.add("topic", scope.tenant, scope.restrict(EVERYTHING))
    return {row["_id"] for row in held if list(index.concerned(row)) and result_set.apply(row)}
