"""Links and counts that compiled code reads for a whole level give what graphql-core gives one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.graphql.execution.row_resolvers import NEEDS_READ, BatchResolver
from domain.kernel.errors import NotFound
from tests.helpers.execution_oracle import execute_by_core, execute_by_nerve, resolving
from tests.helpers.page_documents import ROW, page

AGENT = {"id": "agent-1", "name": "Ada", "state": "IDLE", "open_tasks": 1}


class OneLink(BatchResolver):
    """Resolves to the value that `values` have for the source's agent, or raises it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.batches = 0

    def __call__(self, source: Mapping[str, Any], _info: object) -> Any:
        return None if source.get("agent_id") is None else self._read(source)

    async def _read(self, source: Mapping[str, Any]) -> Any:
        value = self.values.get(source["agent_id"])
        if isinstance(value, NotFound):
            raise value
        return value

    def value_at_once(self, source: Mapping[str, Any]) -> Any:
        return None if source.get("agent_id") is None else NEEDS_READ

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Any, arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        self.batches += 1
        return [await self._read(source) for source in sources]


class ManyLink(BatchResolver):
    """Resolves to the page that `pages` have for the number of rows that the arguments name."""

    def __init__(self, pages: Mapping[int, Any]) -> None:
        self.pages = pages
        self.batches = 0

    async def __call__(self, _source: Mapping[str, Any], _info: object, **arguments: Any) -> Any:
        return self.pages[arguments["first"]]

    async def resolve_all(
        self, sources: Sequence[Mapping[str, Any]], info: Any, arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        self.batches += 1
        return [self.pages[arguments["first"]] for _ in sources]


def linking(source: Any, one: OneLink, many: ManyLink) -> dict[tuple[str, str], Callable[..., Any]]:
    """Return the resolvers of the tasks, of their agents, and of the tasks of these."""
    return {("Query", "tasks"): lambda *_, **__: source, ("Task", "agent"): one, ("Agent", "tasks"): many}


def connections(nodes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return random selections of a page of tasks."""
    parts = st.sampled_from(["totalCount", "pageInfo { hasNextPage hasPreviousPage }", "__typename"])
    rows = nodes.map(lambda text: f"nodes {{ {text} }}") | nodes.map(
        lambda text: f"edges {{ cursor node {{ {text} }} }}"
    )
    return st.lists(parts | rows, min_size=1, max_size=3).map(" ".join)


def tasks(depth: int = 2) -> st.SearchStrategy[str]:
    """Return random selections of a task, with links to its agent and from there to tasks."""
    own = st.sampled_from(["id", "title", "status", "tags"])
    if not depth:
        return own
    agents = st.sampled_from(["id", "name", "openTasks"]) | connections(tasks(depth - 1)).map(
        lambda text: f"tasks(first: $n) {{ {text} }}"
    )
    linked = st.builds(
        lambda alias, selected, condition: f"{alias}agent {condition} {{ {selected} }}",
        st.sampled_from(["", "one: "]),
        st.lists(agents, min_size=1, max_size=2).map(" ".join),
        st.sampled_from(["", "@skip(if: $no)", "@include(if: $no)"]),
    )
    return st.lists(own | linked, min_size=1, max_size=3).map(" ".join)


rows = st.fixed_dictionaries(
    {"agent_id": st.sampled_from([None, "agent-1", "agent-2", "agent-3"])},
    optional={"title": st.just(7), "tags": st.none()},
).map(lambda changed: {**ROW, **changed})
agents = st.sampled_from([None, AGENT, {**AGENT, "name": None}, NotFound("it is gone"), 7])


@given(
    selected=connections(tasks()),
    found=st.lists(rows, max_size=3),
    linked=st.lists(agents, min_size=2, max_size=2),
    no=st.booleans(),
    reads_later=st.booleans(),
)
def test_links_and_counts_give_what_graphql_core_gives(
    selected: str, found: list[Any], linked: list[Any], no: bool, reads_later: bool
) -> None:
    """graphql-core is the oracle: data, nulls, errors and their paths."""
    used = "tasks @skip(if: true) { nodes { agent { tasks(first: $n) { __typename } id @skip(if: $no) } } }"
    query = f"query ($n: Int, $no: Boolean!) {{ tasks {{ {selected} }} {used} }}"
    source = page(found, reads_later=reads_later)
    one = OneLink({"agent-1": linked[0], "agent-2": linked[1]})
    many = ManyLink({2: page(found[:2], reads_later=reads_later)})
    variables = {"n": 2, "no": no}
    with resolving(linking(source, one, many)):
        plain = asyncio.run(execute_by_core(query, variables))
        compiled = asyncio.run(execute_by_nerve(query, variables))
    assert repr(compiled["data"]) == repr(plain["data"])
    # Errors at different depths come in the order in which their values were there.
    assert sorted(map(repr, compiled.get("errors", []))) == sorted(map(repr, plain.get("errors", [])))


async def test_the_links_of_a_level_are_read_together() -> None:
    """Three tasks and the tasks of their agents cost one read for each level."""
    found = [{**ROW, "agent_id": "agent-1"}] * 3
    one, many = OneLink({"agent-1": AGENT}), ManyLink({2: page(found, reads_later=False)})
    query = "{ tasks { nodes { agent { tasks(first: 2) { nodes { agent { name } } } } } } }"
    with resolving(linking(page(found, reads_later=False), one, many)):
        result = await execute_by_nerve(query, {})
    assert "errors" not in result
    assert one.batches == 2
    assert many.batches == 1
