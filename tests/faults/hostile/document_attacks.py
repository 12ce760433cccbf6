"""Attacks by documents: their size, their fragments and aliases, and what they select."""

from __future__ import annotations

import asyncio
from functools import cache
from itertools import count

import httpx

from tests.faults.hostile.attack import Attack, Target, operation

_numbers = count()


def aliases(number: int, field: str) -> str:
    """Return a query that selects the field so often."""
    return "{" + " ".join(f"a{n}: {field}" for n in range(number)) + "}"


async def _wide_response(target: Target) -> str:
    fields = " ".join(f"a{n}: content" for n in range(300))
    return await target.ask(f'{{ document(id: "{target.document}") {{ {fields} }} }}')


@cache
def _many_fragments() -> bytes:
    fragments = " ".join(f"fragment f{n} on Query {{ __typename }}" for n in range(20_000))
    return operation("{ __typename }" + fragments)


async def _fragments(target: Target) -> str:
    return await target.send(_many_fragments())


@cache
def _many_aliases(number: int, field: str) -> bytes:
    return operation(aliases(number, field))


async def _aliases(target: Target) -> str:
    return await target.send(_many_aliases(10_000, "__typename"))


async def _repeated_fields(target: Target) -> str:
    return await target.ask("{" + "a: __typename " * 600 + "}")


async def _rows(target: Target) -> str:
    return await target.send(_many_aliases(10_000, f'task(id: "{target.task}") {{ id }}'))


async def _counts(target: Target) -> str:
    return await target.send(_many_aliases(1_000, "tasks { totalCount }"))


async def _counts_that_fit(target: Target) -> str:
    return await target.send(_many_aliases(280, "tasks { totalCount }"))


async def _histories(target: Target) -> str:
    history = f'taskDayHistory(id: "{target.day}", first: 200) {{ nodes {{ position }} }}'
    return await target.ask(aliases(50, history))


async def _left_alone(target: Target) -> str:
    """Leave while the counts run."""
    try:
        query = {"query": aliases(60, 'tasks(filter: {title: {contains: "x"}}) { totalCount }')}
        async with httpx.AsyncClient(base_url=target.url, timeout=0.02) as http:
            await http.post("/graphql", json=query)
    except httpx.TimeoutException:
        return "left"
    return "answered"


async def _different_documents(target: Target) -> str:
    documents = [aliases(300, f"__typename #{next(_numbers)}\n") for _ in range(20)]
    return ", ".join(sorted(set(await asyncio.gather(*map(target.ask, documents)))))


@cache
def _many_values() -> bytes:
    return operation("{ __typename }", **{f"{n:x}": 1 for n in range(90_000)})


async def _many_variables(target: Target) -> str:
    return await target.send(_many_values())


@cache
def _many_ids() -> bytes:
    query = "query ($f: TaskFilter) { tasks(filter: $f) { totalCount } }"
    return operation(query, f={"id": {"in": [f"task-{n}" for n in range(60_000)]}})


async def _long_filter(target: Target) -> str:
    return await target.send(_many_ids())


DOCUMENT_ATTACKS = (
    Attack("E2 300 aliases of a field of 0.9 MB", _wide_response, "TOO_COMPLEX"),
    Attack("E4 20,000 unused fragments", _fragments, "TOO_COMPLEX"),
    Attack("E4 10,000 aliases", _aliases, "TOO_COMPLEX"),
    Attack("E4 one field 600 times", _repeated_fields, "TOO_COMPLEX"),
    Attack("E5 10,000 rows by id", _rows, "TOO_COMPLEX"),
    Attack("E5 1,000 counts", _counts, "TOO_COMPLEX"),
    Attack("E5 280 counts", _counts_that_fit, "TOO_COMPLEX"),
    Attack("E5 50 histories of a busy row", _histories, "TOO_COMPLEX"),
    Attack("E6 60 counts, and the client leaves", _left_alone, "left"),
    Attack("E7 different documents", _different_documents, "answered"),
    Attack("90,000 variables", _many_variables, "TOO_COMPLEX"),
    Attack("a filter of 60,000 ids", _long_filter, "TOO_COMPLEX"),
)
