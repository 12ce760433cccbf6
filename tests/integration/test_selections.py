"""What is selected is what MongoDB sends: no field less, and none more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, product
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from domain.kernel.rfc3339 import write_moment
from tests.helpers.linked_views import LINKED
from tests.helpers.served_api import Served, serve

STEP = {"name": "name", "taskId": "task_id", "agentId": "agent_id", "completedAt": "completed_at"}
WORKFLOW = {
    "id": "id",
    "name": "name",
    "status": "status",
    "progress": "progress",
    "startedAt": "started_at",
    "durationSeconds": "duration_seconds",
    "steps": "steps",
}
VARIABLES = ("yes", "no")


@dataclass(frozen=True)
class Site:
    """An API with a few workflows, and its database behind its back."""

    served: Served
    database: Database[dict[str, Any]]
    ids: Sequence[str]

    def stored(self) -> list[dict[str, Any]]:
        return list(self.database["view_workflows_1"].find().sort("id"))

    @contextmanager
    def sent(self) -> Iterator[list[dict[str, Any]]]:
        """What mongod sends of rows meanwhile, by its own profiler: projection, rows and bytes."""
        found: list[dict[str, Any]] = []
        self.database.command({"profile": 2})
        yield found
        self.database.command({"profile": 0})
        for seen in self.database["system.profile"].find({"op": "query"}).sort("$natural", 1):
            if ".view_workflows" in seen["ns"]:
                fields = sorted(seen["command"].get("projection", {}))
                found.append({"fields": fields, "rows": seen["nreturned"], "bytes": seen["responseLength"]})
        self.database.drop_collection("system.profile")


@pytest.fixture(scope="module")
def site(mongo_url: str, redis_url: str) -> Iterator[Site]:
    name = f"test_{uuid4().hex}"
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": name}
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True, tzinfo=UTC) as client:
        with serve(**own, contexts=LINKED) as served:
            agent = served.do("registerAgent", name="Ada")["stream"]
            ids = []
            for number in range(3):
                ids.append(served.do("startWorkflow", name=f"Case {number}", plannedSteps=4)["stream"])
                for step in range(number):
                    served.do("completeStep", id=ids[-1], name=f"Step {step}", agentId=agent)
            yield Site(served, client[name], sorted(ids))
        client.drop_database(name)


def test_mongod_sends_the_selected_fields_alone(site: Site) -> None:
    """Also what the answer is made of: whether the row is gone, and what a cursor holds."""
    query = "query ($id: ID!) { workflow(id: $id) { name steps { agentId } } }"
    with site.sent() as sent:
        site.served.ask(query, id=site.ids[2])
        site.served.ask("{ workflows { nodes { status } } }")
        site.served.ask("{ workflows(orderBy: {field: NAME}) { pageInfo { hasNextPage } } }")
        site.served.ask("query ($id: ID!) { node(id: $id) { ... on Workflow { name } } }", id=site.ids[0])
        site.served.ask("{ workflows { nodes { whole: steps { __typename } steps { name } } } }")
    assert [one["fields"] for one in sent] == [
        ["_gone", "_id", "name", "steps.agent_id"],
        ["_id", "id", "status"],
        ["_id", "id", "name"],
        ["_gone", "_id", "name"],
        ["_id", "id", "steps"],
    ]


def test_c19_metadata_is_read_with_the_row_and_only_where_it_is_selected(site: Site) -> None:
    with site.sent() as sent:
        site.served.ask("{ workflows { nodes { name } } }")
        site.served.ask("{ workflows { nodes { name _meta { key version position parked asOf } } } }")
    assert [one["fields"] for one in sent] == [
        ["_id", "id", "name"],
        ["_id", "_parked", "_position", "_version", "id", "name"],
    ]


def test_bytes_that_nobody_selected_stay_in_mongod(site: Site) -> None:
    """A page of rows that are large in other fields than the selected ones."""
    large = {"description": "x" * 10_000}
    with site.sent() as before:
        site.served.ask("{ workflows { nodes { id name } } }")
    site.database["view_workflows_1"].update_many({}, {"$set": large})
    with site.sent() as sent:
        site.served.ask("{ workflows { nodes { id name } } }")
    site.database["view_workflows_1"].update_many({}, {"$unset": large})
    assert sent == before
    assert sent[0]["rows"] == 3


def test_a_mutation_reads_the_selected_fields_of_its_entity(site: Site) -> None:
    mutation = """mutation ($id: ID!, $step: String!) {
      completeStep(input: {id: $id, name: $step}, await: PROJECTED) {
        workflow { stepsCompleted } receipt { version }
      }
    }"""
    with site.sent() as sent:
        answer = site.served.ask(mutation, id=site.ids[0], step="Another")
    assert answer["completeStep"]["workflow"] == {"stepsCompleted": 1}
    fields = ["_gone", "_id", "_parked", "_position", "_version", "steps_completed"]
    assert fields in [one["fields"] for one in sent]


@dataclass(frozen=True)
class Part:
    """A field, or a fragment where `name` is None, that may be there on a condition."""

    name: str | None
    alias: str | None
    condition: tuple[str, str | bool] | None
    named: bool
    parts: tuple[Part, ...]


conditions = st.none() | st.tuples(
    st.sampled_from(["include", "skip"]), st.sampled_from([*VARIABLES, True, False])
)


def selections(fields: Mapping[str, str]) -> st.SearchStrategy[tuple[Part, ...]]:
    """Fields under their names or others, in fragments of either kind, more than once or not at all."""

    def field(name: str) -> st.SearchStrategy[Part]:
        alias = st.none() | st.sampled_from([f"{name}1", f"{name}2"])
        inner = selections(STEP) if name == "steps" else st.just(())
        return st.builds(Part, st.just(name), alias, conditions, st.just(False), inner)

    plain = st.sampled_from(["__typename", *fields]).flatmap(field)
    some = st.lists(plain, min_size=1, max_size=3).map(tuple)
    fragment = st.builds(Part, st.none(), st.none(), conditions, st.booleans(), some)
    return st.lists(plain | fragment, min_size=1, max_size=4).map(tuple)


def write_parts(parts: Sequence[Part], declared: str, fragments: list[str], numbers: Iterator[int]) -> str:
    """The parts in GraphQL; the definitions of named fragments are put into `fragments`."""

    def one(part: Part) -> str:
        condition = ""
        if part.condition is not None:
            directive, value = part.condition
            said = str(value).lower() if isinstance(value, bool) else f"${value}"
            condition = f" @{directive}(if: {said})"
        inner = "WorkflowStep" if part.name == "steps" else declared
        body = write_parts(part.parts, inner, fragments, numbers) if part.parts else ""
        if part.name is not None:
            return f"{part.alias + ': ' if part.alias else ''}{part.name}{condition}{body}"
        if not part.named:
            return f"... on {declared}{condition}{body}"
        name = f"F{next(numbers)}"
        fragments.append(f"fragment {name} on {declared}{body}")
        return f"...{name}{condition}"

    return " { " + " ".join(map(one, parts)) + " }"


def answered(
    parts: Sequence[Part], row: Mapping[str, Any], declared: str, values: Mapping[str, bool]
) -> dict[str, Any]:
    """What the parts must be answered with, from the whole row."""
    answer: dict[str, Any] = {}
    for part in parts:
        if part.condition is not None:
            directive, said = part.condition
            if (values[said] if isinstance(said, str) else said) == (directive == "skip"):
                continue
        if part.name is None:
            _merge(answer, answered(part.parts, row, declared, values))
        elif part.name == "__typename":
            answer[part.alias or part.name] = declared
        else:
            value: Any = row[(STEP if declared == "WorkflowStep" else WORKFLOW)[part.name]]
            if isinstance(value, datetime):
                value = write_moment(value)
            if part.name == "steps":
                value = [answered(part.parts, step, "WorkflowStep", values) for step in value]
            _merge(answer, {part.alias or part.name: value})
    return answer


def _merge(answer: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, list) and name in answer:
            for known, added in zip(answer[name], value, strict=True):
                _merge(known, added)
        else:
            answer[name] = value


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=selections(WORKFLOW))
def test_whatever_is_selected_is_answered_as_from_whole_rows(site: Site, parts: tuple[Part, ...]) -> None:
    """By fragments, aliases and directives in any mixture, and whatever their variables say."""
    fragments: list[str] = []
    body = write_parts((*parts, Part("id", None, None, False, ())), "Workflow", fragments, count())
    query = (
        f"query ($id: ID!, $yes: Boolean!, $no: Boolean!) {{ workflow(id: $id){body} "
        f"workflows {{ nodes{body} edges {{ node{body} }} }} node(id: $id) {{ ... on Workflow{body} }} "
        "unused: __typename @include(if: $yes) @skip(if: $no) } " + " ".join(fragments)
    )
    rows = site.stored()
    for chosen in product([True, False], repeat=2):
        values = dict(zip(VARIABLES, chosen, strict=True))
        answer = site.served.ask(query, id=rows[1]["id"], **values)
        expected = [{**answered(parts, row, "Workflow", values), "id": row["id"]} for row in rows]
        assert answer["workflow"] == answer["node"] == expected[1]
        assert answer["workflows"] == {"nodes": expected, "edges": [{"node": row} for row in expected]}
