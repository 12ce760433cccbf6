"""The query `contexts`: what contexts declare, as far as it exists for a caller."""

from __future__ import annotations

from typing import Any

from api.access.callers import UNRESTRICTED, Caller
from api.access.visibility import Visibilities
from api.graphql.fields.context_map import declared_contexts
from api.graphql.visible_views import visible_views
from domain.kernel import Catalog
from tests.helpers import memo_books, memos
from tests.helpers.own_contexts import OWN

CATALOG = Catalog([memos.context, memo_books.context])
VIEWS: list[Any] = [memos.view, memo_books.view]
VISIBILITIES = Visibilities(CATALOG, VIEWS)


def contexts_of(caller: Caller) -> dict[str, dict[str, Any]]:
    visibility = VISIBILITIES.of(caller)
    contexts = declared_contexts(CATALOG, visible_views(VIEWS, visibility), visibility)
    return {context["name"]: context for context in contexts}


def test_a_context_has_its_commands_events_and_views() -> None:
    memo = contexts_of(UNRESTRICTED)["memos"]
    assert (memo["category"], memo["kind"]) == ("memo", "AGGREGATE")
    assert {
        "name": "WriteMemo",
        "mutation": "writeMemo",
        "description": "Writes a memo.",
    } in memo["commands"]
    sealed = next(event for event in memo["events"] if event["type"] == "memo.sealed")
    assert (sealed["revision"], sealed["severity"]) == (1, None)
    assert sealed["description"] == "A memo was sealed. Only administrators read it."
    assert [(view["name"], view["is_entity"]) for view in memo["views"]] == [("memos", True)]


def test_what_a_caller_may_not_see_or_send_is_left_out() -> None:
    """The same rules decide as in the schema."""
    auditor = contexts_of(Caller(subject="bob", roles=frozenset({"auditor"})))["memos"]
    assert "memo.sealed" not in {event["type"] for event in auditor["events"]}
    assert "SealMemo" not in {command["name"] for command in auditor["commands"]}
    assert "WriteMemo" in {command["name"] for command in auditor["commands"]}


def test_processes_have_the_events_that_they_react_to() -> None:
    """Outcomes of their effects are no events, and the commands that processes share are none of theirs."""
    catalog, views = OWN
    visibility = Visibilities(catalog, views).full
    own = {each["name"]: each for each in declared_contexts(catalog, views, visibility)}
    processes = [each for each in own.values() if each["kind"] == "PROCESS"]
    assert processes
    types = {event.type for context in catalog.contexts for event in context.events}
    for process in processes:
        assert process["reacts_to"]
        assert set(process["reacts_to"]) <= types
        assert process["commands"] == []


def test_views_of_other_contexts_that_read_the_events_are_named() -> None:
    catalog, views = OWN
    visibility = Visibilities(catalog, views).full
    for context in declared_contexts(catalog, views, visibility):
        own = {view["name"] for view in context["views"]}
        assert not own & set(context["also_read_by"])
