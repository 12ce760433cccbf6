"""One command class and one view are all that a context's GraphQL API is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, TypedDict, cast

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, print_type
from pydantic import BaseModel, Field

from api.graphql.schema import build_schema
from domain.kernel import Aggregate, Catalog, Context, CreateCommand, Event, Facts, Json, Name, RecordedEvent
from domain.kernel.errors import DeclarationError
from projections.kernel import View, by_stream
from projections.kernel.links import Link, ToMany, ToOne


class Colour(StrEnum):
    """What a lamp shines in."""

    RED = "red"
    GREEN = "green"


class Bulb(BaseModel):
    """What shines."""

    watts: float
    made_at: datetime | None = None


class HangLamp(CreateCommand):
    """Hangs a lamp up.

    It shines at once.
    """

    name: Name = Field(description="What it is called.")
    colour: Colour = Colour.GREEN
    bulbs: list[Bulb] = Field(default=[])
    room_id: str | None = None
    notes: Json | None = None


class LampHung(Event, type="lamp.hung"):
    name: str


@dataclass(frozen=True, slots=True)
class Lamp(Aggregate[HangLamp, LampHung]):
    category: ClassVar[str] = "lamp"

    def decide(self, command: HangLamp, facts: Facts) -> Sequence[LampHung]:
        return [LampHung(name=command.name)]

    def evolve(self, event: LampHung) -> Lamp:
        return self


class Spot(TypedDict):
    """Where light falls."""

    place: str


class LampRow(TypedDict):
    id: str
    name: str
    colour: Colour
    room_id: str | None
    spots: list[Spot]
    tags: list[str]
    lit: bool
    hung_at: datetime


def fold(id: str, row: LampRow | None, event: RecordedEvent) -> LampRow | None:
    return row


LAMPS = Context("lamps", Lamp)
VIEW = View(
    name="lamps",
    singular="lamp",
    context=LAMPS,
    row=LampRow,
    key=by_stream,
    apply=fold,
    filters=("colour", "tags", "lit", "hung_at"),
    orders=("name",),
    description="A lamp.",
)


def derive(*views: View[Any]) -> GraphQLSchema:
    return build_schema(Catalog(dict.fromkeys(view.context for view in views)), views)


def printed(schema: GraphQLSchema, name: str) -> str:
    """A type without its descriptions."""
    text = re.sub(r'""".*?"""', "", print_type(schema.type_map[name]), flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if line.strip())


def fields(schema: GraphQLSchema, name: str) -> dict[str, GraphQLField]:
    found: dict[str, GraphQLField] = cast(GraphQLObjectType, schema.type_map[name]).fields
    return found


def test_a_command_becomes_an_input_and_a_mutation_with_its_description() -> None:
    schema = derive(VIEW)
    assert printed(schema, "HangLampInput").splitlines() == [
        "input HangLampInput {",
        "  id: ID",
        "  name: String!",
        "  colour: Colour = GREEN",
        "  bulbs: [BulbInput!] = []",
        "  roomId: ID",
        "  notes: JSON",
        "}",
    ]
    assert printed(schema, "BulbInput").splitlines()[1:] == ["  watts: Float!", "  madeAt: DateTime", "}"]
    mutation = fields(schema, "Mutation")["hangLamp"]
    assert mutation.description == "Hangs a lamp up.\n\nIt shines at once."
    assert {name: str(arg.type) for name, arg in mutation.args.items()} == {
        "input": "HangLampInput!",
        "commandId": "ID",
        "expectedVersion": "Int",
        "await": "Await",
    }
    assert printed(schema, "HangLampPayload").splitlines()[1:3] == ["  lamp: Lamp", "  receipt: Receipt!"]


def test_a_view_becomes_a_type_four_queries_and_two_subscriptions() -> None:
    schema = derive(VIEW)
    assert printed(schema, "Lamp").splitlines() == [
        "type Lamp implements Node {",
        "  id: ID!",
        "  name: String!",
        "  colour: Colour!",
        "  roomId: ID",
        "  spots: [Spot!]!",
        "  tags: [String!]!",
        "  lit: Boolean!",
        "  hungAt: DateTime!",
        "  _meta: RowMeta!",
        "}",
    ]
    assert schema.type_map["Lamp"].description == "A lamp."
    assert schema.type_map["Colour"].description == "What a lamp shines in."
    queries = {"lamp", "lamps", "lampHistory", "lampWhy", "events", "node", "versions", "stateAt", "diff"}
    queries |= {"deadLetter", "deadLetters", "viewStatus", "trace", "viewer"}
    queries |= {"connections", "consumers", "tenants", "tenantCounts"}
    queries |= {"contexts", "recentMetrics", "deploymentStatus"}
    assert queries == set(fields(schema, "Query"))
    assert {"lamp", "lamps", "events", "viewStatus", "command", "trace", "live"} == set(
        fields(schema, "Subscription")
    )
    assert printed(schema, "LampFilter").splitlines()[1:-1] == [
        "  id: IDFilter",
        "  colour: ColourFilter",
        "  tags: StringListFilter",
        "  lit: BooleanFilter",
        "  hungAt: DateTimeFilter",
        "  and: [LampFilter!]",
        "  or: [LampFilter!]",
        "  not: LampFilter",
    ]
    assert printed(schema, "LampOrder").splitlines()[1:-1] == [
        "  field: LampOrderField!",
        "  direction: Direction = ASC",
    ]


def test_a_view_that_is_not_the_entity_is_a_node_and_no_payload() -> None:
    schema = derive(replace(VIEW, name="bright_lamps", singular="bright_lamp"))
    assert printed(schema, "BrightLamp").splitlines()[0] == "type BrightLamp implements Node {"
    assert printed(schema, "HangLampPayload").splitlines()[1:] == ["  receipt: Receipt!", "}"]


def test_a_view_without_orders_has_no_argument_for_them() -> None:
    schema = derive(replace(VIEW, orders=(), filters=()))
    assert "orderBy" not in fields(schema, "Query")["lamps"].args
    assert printed(schema, "LampFilter").splitlines()[1] == "  id: IDFilter"


class HookRow(TypedDict):
    """A hook that lamps hang on."""

    id: str
    lamp_id: str | None
    depth: int


HOOKS = View(
    name="hooks",
    singular="hook",
    context=LAMPS,
    row=HookRow,
    key=by_stream,
    apply=lambda _id, row, _event: row,
    filters=("lamp_id", "depth"),
)


def test_links_are_fields_of_the_types_that_they_lead_from() -> None:
    schema = derive(
        replace(VIEW, links=(ToMany("hooks", "hooks", by="lamp_id"),)),
        replace(HOOKS, links=(ToOne("lamp", "lamps", by="lamp_id"),)),
    )
    assert str(fields(schema, "Hook")["lamp"].type) == "Lamp"
    hooks = fields(schema, "Lamp")["hooks"]
    assert str(hooks.type) == "HookConnection" == str(fields(schema, "Query")["hooks"].type)
    assert {name: str(taken.type) for name, taken in hooks.args.items()} == {
        "filter": "HookFilter",
        "first": "Int",
        "after": "String",
        "last": "Int",
        "before": "String",
    }


@pytest.mark.parametrize(
    ("view", "link", "what"),
    [
        (HOOKS, ToOne("lamp", "lamps", by="torch_id"), "no field 'torch_id' .*its fields are id, "),
        (HOOKS, ToOne("lamp", "lamps", by="depth"), "no field 'depth' of the type str"),
        (HOOKS, ToOne("depth", "lamps", by="lamp_id"), "a field of that name already; choose another"),
        (HOOKS, ToOne("screws.lamp", "lamps", by="lamp_id"), "'screws' is neither an object"),
        (VIEW, ToOne("spots.lamp", "lamps", by="lamp_id"), "Spot has no field 'lamp_id'"),
        (VIEW, ToMany("hooks", "hooks", by="torch_id"), "no field 'torch_id'"),
        (VIEW, ToMany("hooks", "hooks", by="id"), "does not filter by 'id', .*; add 'id' to the filters"),
    ],
)
def test_a_link_that_does_not_fit_is_refused(view: View[Any], link: Link, what: str) -> None:
    views = [replace(one, links=(link,)) if one is view else one for one in (VIEW, HOOKS)]
    with pytest.raises(DeclarationError, match=f"view '{view.name}', link '{link.name}': .*{what}"):
        derive(*views)


def test_two_links_of_one_name_are_refused() -> None:
    lamp = ToOne("lamp", "lamps", by="lamp_id")
    with pytest.raises(DeclarationError, match="a field of that name"):
        derive(VIEW, replace(HOOKS, links=(lamp, lamp)))


def test_the_domains_own_classes_stay_as_they_are() -> None:
    derive(VIEW)
    assert not [name for name in vars(Colour) if "strawberry" in name]


def test_two_views_that_claim_one_field_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"view 'lamps' .* and view 'others' .* Lamp"):
        derive(VIEW, replace(VIEW, name="others"))


def test_two_classes_that_claim_one_type_are_refused() -> None:
    class Row(TypedDict):
        id: str
        spot: Any

    Row.__annotations__["spot"] = TypedDict("Spot", {"size": int})  # type: ignore[operator]
    with pytest.raises(DeclarationError, match="Spot"):
        derive(VIEW, View(name="nights", singular="night", context=LAMPS, row=Row, key=by_stream, apply=fold))


def test_a_part_of_a_row_that_claims_the_type_of_a_view_is_refused() -> None:
    class Row(TypedDict):
        id: str
        lamp: Any

    Row.__annotations__["lamp"] = TypedDict("Lamp", {"size": float})  # type: ignore[operator]
    with pytest.raises(DeclarationError, match="Lamp"):
        derive(View(name="nights", singular="night", context=LAMPS, row=Row, key=by_stream, apply=fold), VIEW)


@pytest.mark.parametrize("annotation", [int | str, complex, set])
def test_a_field_without_a_counterpart_in_graphql_is_named(annotation: Any) -> None:
    class Row(TypedDict):
        id: str
        odd: Any

    Row.__annotations__["odd"] = annotation
    with pytest.raises(DeclarationError, match=r"Row\.odd"):
        derive(View(name="nights", singular="night", context=LAMPS, row=Row, key=by_stream, apply=fold))


def test_a_field_that_cannot_be_compared_is_no_filter() -> None:
    with pytest.raises(DeclarationError, match=r"LampRow\.spots"):
        derive(replace(VIEW, filters=("spots",)))
