"""Variables of too many values are refused before they are coerced."""

from __future__ import annotations

from typing import Any, cast

import pytest

from api.access.callers import UNRESTRICTED
from api.graphql.execution import core_executor
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.limits.input_limits import MAX_VARIABLE_VALUES, check_values
from api.runtime import Runtime
from domain.kernel.limit_errors import TooComplex
from tests.helpers.own_contexts import own_schema

NOTHING = RequestContext(cast(Runtime, None), UNRESTRICTED, {})


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"and": [value]}
    return value


@pytest.mark.parametrize(
    "variables",
    [
        {f"v{n}": n for n in range(100_000)},
        {"filter": {"id": {"in": [str(n) for n in range(MAX_VARIABLE_VALUES)]}}},
        {"content": [[0] * 1_000 for _ in range(50)]},
        {"filter": nested(60)},
    ],
)
def test_too_many_or_too_deep_values_are_refused(variables: dict[str, Any]) -> None:
    with pytest.raises(TooComplex):
        check_values(variables)


def test_values_of_applications_fit() -> None:
    check_values({})
    check_values({"input": {"content": [{"a": n} for n in range(5_000)]}, "filter": nested(20)})


async def test_refused_values_are_never_coerced(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(*_: object) -> object:
        raise AssertionError("coerced")

    executor = Executor(own_schema())
    query = "query ($f: TaskFilter) { tasks(filter: $f) { totalCount } }"
    ids = {"id": {"in": [str(n) for n in range(60_000)]}}
    prepared = executor.prepare(OperationRequest(query, variables={"f": ids}))
    monkeypatch.setattr(core_executor.OperationExecutor, "bind", bind)
    result = await executor.execute(prepared, NOTHING)
    assert [error["extensions"]["code"] for error in result["errors"]] == ["TOO_COMPLEX"]
