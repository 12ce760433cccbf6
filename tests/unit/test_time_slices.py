"""Long work in slices: other work goes on between them; results, errors and cancellation are as without."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest
from graphql import build_schema

from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.limits import time_slices
from api.limits.time_slices import give_way, run_in_slices

variable: ContextVar[str] = ContextVar("variable", default="")


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of `give_way` ends a slice."""
    for name in ("SLICE", "FIRST_SLICE", "PAUSE"):
        monkeypatch.setattr(time_slices, name, 0.0)


async def test_other_work_goes_on_between_two_slices() -> None:
    """A callback that is scheduled in the first slice runs before the second one."""
    order = list[str]()
    loop = asyncio.get_running_loop()

    def work() -> str:
        loop.call_soon(order.append, "other work")
        give_way()
        order.append("work")
        return "result"

    assert await run_in_slices(work) == "result"
    assert order == ["other work", "work"]


async def test_an_error_after_a_slice_reaches_the_caller() -> None:
    def work() -> None:
        give_way()
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await run_in_slices(work)


async def test_work_sees_the_context_of_its_caller() -> None:
    variable.set("of the caller")
    assert await run_in_slices(variable.get) == "of the caller"


async def test_cancelled_work_ends_where_it_is() -> None:
    """Its `finally` blocks run, and nothing after them."""
    order = list[str]()

    def work() -> None:
        try:
            while True:
                give_way()
        finally:
            order.append("ended")

    task = asyncio.create_task(run_in_slices(work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["ended"]


def test_give_way_does_nothing_elsewhere() -> None:
    give_way()


@pytest.mark.parametrize("text", ["{ a b c }", "{ a(", "{ a b unknown }"])
async def test_a_document_is_prepared_in_many_slices(text: str) -> None:
    """Parsing and validating give way at each token and node, and end as they do in one piece."""
    schema = build_schema("type Query { a: Int b: Int c: Int }")
    slices = 0

    async def count() -> None:
        nonlocal slices
        while True:
            slices += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    in_slices = await run_in_slices(lambda: prepared(Executor(schema), text))
    counting.cancel()
    assert in_slices == prepared(Executor(schema), text)
    assert slices > 2


def prepared(executor: Executor, text: str) -> object:
    """Return the text of the operation, or the result of its refusal."""
    try:
        return executor.prepare(OperationRequest(text)).text
    except OperationRefused as refused:
        return refused.result
