"""What subscribers ask for, at random: events by any filter, and live views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from tests.faults.live.writer import AGENTS, CORRELATIONS, DOCUMENTS, TAGS, TITLES

Fields = Mapping[str, Any]

TYPES = (
    "task.created",
    "task.started",
    "task.completed",
    "task.failed",
    "document.created",
    "document.patched",
    "document.archived",
)
FEW = 25
"""Rows of a snapshot that does not hold all."""

ALL = 20_000
"""More rows than any view has."""

STEPS = ("CREATED", "ASSIGNED", "STARTED")
EVENTS = """subscription ($filter: EventFilter, $after: Position) { events(filter: $filter, after: $after) {
  __typename ... on Message { position } ... on Event { id } } }"""

SELECTIONS = {
    "task": "id title status priority agentId startedAt finishedAt result agent { id name }",
    "document": "id title content tags archived version changedAt",
    "agent": "id name openTasks completedTasks failedTasks cancelledTasks",
}
ONE = """subscription ($id: ID!, $after: Position) {{ {single}(id: $id, after: $after) {{
  __typename ... on Message {{ position }} ... on {type}Snapshot {{ {single} {{ {fields} }} }}
  ... on {type}Changed {{ kind id: rowId {single} {{ {fields} }} }} }} }}"""
MANY = """subscription ($filter: {type}Filter, $first: Int, $after: Position) {{
  {single}s(filter: $filter, first: $first, after: $after) {{
  __typename ... on Message {{ position }} ... on {type}sSnapshot {{ {single}s {{ {fields} }} }}
  ... on {type}Changed {{ kind id: rowId {single} {{ {fields} }} }} }} }}"""


def changes(single: str, row: Fields) -> int:
    """How often the row has changed: it grows by one with each change, in all three views."""
    match single:
        case "task":
            # It is assigned in the commit that creates it.
            return 0 if row["status"] in ("CREATED", "ASSIGNED") else 1 if row["status"] == "STARTED" else 2
        case "document":
            return int(row["version"])
        case _:
            ended = sum(row[to_camel_case(f"{how}_tasks")] for how in ("completed", "failed", "cancelled"))
            return int(row["openTasks"] + 2 * ended)


@dataclass(frozen=True)
class SubscriptionRequest:
    """One subscription. `filter` is as nerve's own parts take it, `variables` as GraphQL does.

    Of a view `single` names the row, None is for events. `steady`: a row enters and leaves the set once.
    `partly`: the snapshot holds only the rows that changed last.
    """

    text: str
    variables: Fields
    filter: Fields
    single: str | None = None
    steady: bool = True
    partly: bool = False


def random_request(chance: Random, kind: str) -> SubscriptionRequest:
    """What somebody asks for: `kind` is ``events`` or ``view``."""
    return _events(chance) if kind == "events" else _view(chance)


def _events(chance: Random) -> SubscriptionRequest:
    offers: Mapping[str, Callable[[], list[str] | str]] = {
        "streams": lambda: chance.sample(AGENTS + DOCUMENTS, 4),
        "categories": lambda: [chance.choice(["task", "document"])],
        "types": lambda: chance.sample(TYPES, chance.randint(1, 3)),
        "correlation": lambda: chance.choice(CORRELATIONS),
    }
    names = chance.sample(list(offers), chance.choices([0, 1, 2], [1, 14, 5])[0])
    chosen = {name: offers[name]() for name in names}
    return SubscriptionRequest(EVENTS, {"filter": chosen}, chosen)


@dataclass(frozen=True)
class _Offer:
    single: str
    filter: Fields
    steady: bool = True


def _view(chance: Random) -> SubscriptionRequest:
    single = chance.choice(["document", "document", "agent"])
    if chance.random() < 0.3:
        key = chance.choice(DOCUMENTS if single == "document" else AGENTS)
        return SubscriptionRequest(_text(ONE, single), {"id": key}, {"id": {"eq": key}}, single)
    offer = chance.choice(_offers(chance))
    partly = offer.steady and chance.random() < 0.25
    variables = {"filter": _camel(offer.filter), "first": FEW if partly else ALL}
    return SubscriptionRequest(
        _text(MANY, offer.single), variables, offer.filter, offer.single, offer.steady, partly
    )


def _offers(chance: Random) -> list[_Offer]:
    """Filters by equality, by several values, by ranges, and with `or` and `not`."""
    task, document = {"agent_id": {"eq": chance.choice(AGENTS)}}, {"tags": {"contains": chance.choice(TAGS)}}
    title = {"title": {"startsWith": chance.choice(TITLES)}}
    return [
        _Offer("task", {"status": {"in": list(STEPS)}}),
        _Offer("task", {"status": {"eq": "STARTED"}}),
        _Offer("task", {**task, "status": {"in": list(STEPS)}}),
        _Offer("task", task),
        _Offer("task", {"priority": {"eq": "HIGH"}, **title}),
        _Offer("task", {"or": [{"status": {"eq": "FAILED"}}, {**task, "status": {"eq": "STARTED"}}]}),
        _Offer("task", {"not": {"status": {"in": ["CREATED", "ASSIGNED", "COMPLETED", "CANCELLED"]}}}),
        _Offer("document", document),
        _Offer("document", {"tags": {"contains": "hot"}}),
        _Offer("document", {"archived": {"eq": True}}, steady=False),
        _Offer("document", {**document, **title, "archived": {"eq": False}}, steady=False),
        _Offer("agent", {}),
        _Offer("agent", {"open_tasks": {"gt": chance.randrange(4)}}, steady=False),
    ]


def _text(form: str, single: str) -> str:
    return form.format(single=single, type=single.capitalize(), fields=SELECTIONS[single])


def _camel(filter: Any) -> Any:
    if isinstance(filter, Mapping):
        return {to_camel_case(name): _camel(value) for name, value in filter.items()}
    return [_camel(one) for one in filter] if isinstance(filter, list) else filter
