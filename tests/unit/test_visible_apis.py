"""One executor for each visibility: built in a thread, once, and cached up to a bound."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from api.access.callers import ANONYMOUS, UNRESTRICTED, Caller
from api.access.visibility import Visibilities, Visibility
from api.graphql.execution import visible_apis
from api.graphql.execution.execution_results import OperationRefused
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.parsing_turns import ParsingTurns
from api.graphql.execution.visible_apis import VisibleApi, VisibleApis
from api.graphql.schema import build_schema
from domain.kernel import Catalog
from domain.kernel.errors import Unauthenticated
from projections.kernel import View
from tests.helpers import memo_books, memos

CATALOG = Catalog([memos.context, memo_books.context])
VIEWS: list[View[Any]] = [memos.view, memo_books.view]
HIDDEN = OperationRequest('mutation { writeMemo(input: {text: "x"}) { receipt { stream } } }')
UNKNOWN = OperationRequest("{ memo_s { nodes { id } } }")


class Builds:
    """Builds APIs, and keeps for which visibilities and in which threads."""

    def __init__(self) -> None:
        self.visibilities: list[Visibility] = []
        self.threads: set[int] = set()
        self.visible = Visibilities(CATALOG, VIEWS)

    def make(self, visibility: Visibility) -> VisibleApi:
        self.visibilities.append(visibility)
        self.threads.add(threading.get_ident())
        schema = build_schema(CATALOG, VIEWS, visibility)
        executor = Executor(schema, suggest=visibility == self.visible.full)
        return VisibleApi.of(executor, ParsingTurns())


@pytest.fixture
def builds() -> Builds:
    return Builds()


@pytest.fixture
def apis(builds: Builds) -> VisibleApis:
    return VisibleApis(builds.visible, builds.make)


async def find(apis: VisibleApis, caller: Caller) -> VisibleApi:
    api = apis.of(caller)
    return api if isinstance(api, VisibleApi) else await api


def with_role(name: str) -> Caller:
    return Caller(subject="ada", roles=frozenset({name}))


async def test_the_full_api_is_there_from_the_start(apis: VisibleApis, builds: Builds) -> None:
    assert isinstance(apis.of(UNRESTRICTED), VisibleApi)
    assert len(builds.visibilities) == 1


async def test_callers_of_equal_visibility_share_one_build_in_a_thread(
    apis: VisibleApis, builds: Builds
) -> None:
    callers = [Caller(subject=f"user-{number}") for number in range(20)]
    found = await asyncio.gather(*(find(apis, caller) for caller in callers))
    assert len({id(api) for api in found}) == 1
    assert len(builds.visibilities) == 2
    assert builds.threads - {threading.get_ident()}
    assert isinstance(apis.of(callers[0]), VisibleApi)


async def test_a_caller_that_leaves_does_not_end_the_build_of_the_others(
    apis: VisibleApis, builds: Builds
) -> None:
    leaving = asyncio.create_task(find(apis, with_role("auditor")))
    staying = asyncio.create_task(find(apis, with_role("auditor")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert isinstance(await staying, VisibleApi)
    assert len(builds.visibilities) == 2


async def test_the_apis_used_last_stay_cached(
    apis: VisibleApis, builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visible_apis, "MAX_APIS", 2)
    bounded = VisibleApis(builds.visible, builds.make)
    for role in ("auditor", "librarian", "operator"):
        await find(bounded, with_role(role))
    evicted = bounded.of(with_role("auditor"))
    assert not isinstance(evicted, VisibleApi)
    await evicted
    assert isinstance(bounded.of(with_role("operator")), VisibleApi)


async def test_a_hidden_name_is_answered_as_one_that_does_not_exist(apis: VisibleApis) -> None:
    """And without suggestions, which only those get for whom everything exists."""
    found = [
        _messages(await find(apis, caller), HIDDEN, caller) for caller in (with_role("reader"), UNRESTRICTED)
    ]
    assert found == [["Cannot query field 'writeMemo' on type 'Mutation'."], []]
    suggested = _messages(await find(apis, UNRESTRICTED), UNKNOWN, UNRESTRICTED)
    assert "Did you mean" in suggested[0]
    hidden = _messages(await find(apis, with_role("reader")), UNKNOWN, with_role("reader"))
    assert hidden == ["Cannot query field 'memo_s' on type 'Query'."]


async def test_without_credentials_what_is_not_public_needs_them(apis: VisibleApis) -> None:
    """Whatever the document names, and whether it is a document at all."""
    api = await find(apis, ANONYMOUS)
    for text in ("{ books { nodes { id } } }", "{ nothing }", "{", HIDDEN.query):
        with pytest.raises(Unauthenticated):
            api.prepare(OperationRequest(text), ANONYMOUS)
    assert api.prepare(OperationRequest("{ memos { nodes { id } } }"), ANONYMOUS)


async def test_without_credentials_nothing_is_parsed_where_nothing_is_public() -> None:
    builds = Builds()
    visible = Visibilities(Catalog([memo_books.context]), [])
    with pytest.raises(Unauthenticated):
        VisibleApis(visible, builds.make).of(ANONYMOUS)


def _messages(api: VisibleApi, request: OperationRequest, caller: Caller) -> list[Any]:
    try:
        api.prepare(request, caller)
    except OperationRefused as refused:
        return [error["message"] for error in refused.result["errors"]]
    return []
