"""What exists for a caller, and the schema that shows it that and nothing else."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, print_schema

from api.access.callers import ANONYMOUS, UNRESTRICTED, Caller
from api.access.visibility import Visibilities, Visibility
from api.graphql.schema import build_schema
from domain.builtin import deadletters
from domain.kernel import Catalog
from projections.kernel import View
from tests.helpers import memo_books, memos

CATALOG = Catalog([memos.context, memo_books.context, deadletters.context])
VIEWS: list[View[Any]] = [memos.view, memo_books.view]
VISIBILITIES = Visibilities(CATALOG, VIEWS)

ADA = Caller(subject="ada")
AUDITOR = Caller(subject="bob", roles=frozenset({"auditor"}))
LIBRARIAN = Caller(subject="eve", roles=frozenset({"librarian"}))
OPERATOR = Caller(subject="op", roles=frozenset({"operator"}))


def schema_of(caller: Caller) -> GraphQLSchema:
    return build_schema(CATALOG, VIEWS, VISIBILITIES.of(caller))


def names(schema: GraphQLSchema, declared: str) -> set[str]:
    """The fields of a type, none where it does not exist."""
    found = schema.type_map.get(declared)
    return set(cast(GraphQLObjectType, found).fields) if found else set()


def test_an_administrator_of_the_deployment_has_the_schema_that_there_is_without_authentication() -> None:
    """Whatever its subject and tenant: the full visibility is one value."""
    administrator = Caller(subject="root", roles=frozenset({"administrator", "deployment"}))
    assert VISIBILITIES.of(administrator) == VISIBILITIES.of(UNRESTRICTED) == VISIBILITIES.full
    assert print_schema(build_schema(CATALOG, VIEWS)) == print_schema(schema_of(administrator))


def test_callers_of_equal_roles_share_a_visibility_whoever_they_are() -> None:
    assert VISIBILITIES.of(ADA) == VISIBILITIES.of(Caller(subject="bob", claims={"other": "x"}))
    assert VISIBILITIES.of(ADA) != VISIBILITIES.of(AUDITOR)
    assert VISIBILITIES.of(Caller(subject="bob", claims={"team": "red"})) != VISIBILITIES.of(ADA)


def test_where_nothing_is_visible_the_schema_has_the_viewer_alone() -> None:
    schema = build_schema(CATALOG, VIEWS, Visibility())
    assert Visibility().is_empty
    assert names(schema, "Query") == {"viewer"}
    assert schema.mutation_type is None
    assert schema.subscription_type is None


def test_without_credentials_what_is_public_exists() -> None:
    """A rule about values lets the view exist, and its rows are filtered."""
    schema = schema_of(ANONYMOUS)
    assert names(schema, "Query") == {
        "memo", "memos", "memoHistory", "memoWhy", "node", "events", "viewer",
    }  # fmt: skip
    assert schema.mutation_type is None


def test_a_hidden_field_is_absent_from_rows_filters_orders_and_history() -> None:
    seen, hidden = schema_of(AUDITOR), schema_of(ADA)
    for declared in ("Memo", "MemoFilter"):
        assert names(seen, declared) - names(hidden, declared) == {"score"}
    for declared in ("MemoField", "MemoOrderField"):
        assert set(seen.type_map[declared].values) - set(hidden.type_map[declared].values) == {"SCORE"}  # type: ignore[attr-defined]
    assert "score" not in print_schema(hidden).lower()


def test_a_search_is_absent_where_a_field_that_it_reads_is_hidden() -> None:
    found = {
        caller: cast(GraphQLObjectType, schema_of(caller).query_type).fields["memos"].args
        for caller in (AUDITOR, ADA)
    }
    assert "search" in found[AUDITOR]
    assert "search" in found[ADA]
    hidden = Visibility(views=frozenset({"memos"}), hidden_fields=frozenset({("memos", "text")}))
    query = build_schema(CATALOG, VIEWS, hidden).query_type
    assert "search" not in cast(GraphQLObjectType, query).fields["memos"].args


def test_links_exist_where_the_view_that_they_lead_to_exists() -> None:
    both = Caller(subject="x", roles=frozenset({"auditor", "librarian"}))
    assert "book" in names(schema_of(both), "Memo")
    assert "book" not in names(schema_of(AUDITOR), "Memo")
    assert "memos" in names(schema_of(LIBRARIAN), "Book")
    without_key = Visibility(
        views=frozenset({"memos", "books"}), hidden_fields=frozenset({("memos", "book_id")})
    )
    schema = build_schema(CATALOG, VIEWS, without_key)
    assert "book" not in names(schema, "Memo")
    assert "memos" not in names(schema, "Book")


def test_a_mutation_exists_where_the_caller_may_send_its_command_at_all() -> None:
    """What only the state decides, as ownership, lets the mutation exist."""
    assert names(schema_of(ADA), "Mutation") == {"editMemo", "pinMemo"}
    assert names(schema_of(AUDITOR), "Mutation") == {"editMemo", "pinMemo", "writeMemo"}
    assert names(schema_of(LIBRARIAN), "Mutation") == {"editMemo", "pinMemo", "openBook"}


def test_a_payload_lacks_an_entity_whose_view_is_hidden() -> None:
    visibility = Visibility(commands=frozenset({memos.EditMemo}))
    schema = build_schema(CATALOG, VIEWS, visibility)
    assert names(schema, "EditMemoPayload") == {"receipt"}
    assert "Memo" not in schema.type_map


def test_what_concerns_all_tenants_exists_for_the_deployment_alone() -> None:
    administrator = schema_of(Caller(subject="root", roles=frozenset({"administrator"})))
    full = build_schema(CATALOG, VIEWS)
    rebuilds = {"rebuildView", "cancelRebuild", "resumeRebuild", "switchView", "forgetGenerations"}
    missing = {
        root: names(full, root) - names(administrator, root) for root in ("Query", "Mutation", "Subscription")
    }
    queries = {"viewStatus", "connections", "consumers", "tenants", "tenantCounts"}
    assert missing == {
        "Query": queries | {"recentMetrics", "deploymentStatus"},
        "Mutation": rebuilds | {"endConnection"},
        "Subscription": {"viewStatus"},
    }


def test_a_caller_that_may_read_metrics_sees_those_alone() -> None:
    """Such as a program that watches the deployment."""
    watcher = Caller(subject="watcher", roles=frozenset({"metrics"}))
    assert names(schema_of(watcher), "Query") - names(schema_of(ADA), "Query") == {"recentMetrics"}


@pytest.mark.parametrize("root", ["Query", "Subscription", "Mutation"])
def test_operators_see_what_keeps_a_tenant_running_and_nothing_else(root: str) -> None:
    expected = {
        "Query": {"trace", "deadLetter", "deadLetters", "contexts"},
        "Subscription": {"trace"},
        "Mutation": {"retryDeadLetter", "dropDeadLetter"},
    }
    assert expected[root] == names(schema_of(OPERATOR), root) - names(schema_of(ADA), root)


def test_histories_of_entities_exist_where_all_events_of_a_context_do() -> None:
    """A history shows the effect of every event; sealed memos are for administrators."""
    histories = {"versions", "stateAt", "diff"}
    assert not histories & names(schema_of(AUDITOR), "Query")
    assert histories <= names(schema_of(LIBRARIAN), "Query")


def test_without_visible_events_rows_have_a_history_without_events() -> None:
    schema = build_schema(CATALOG, VIEWS, Visibility(views=frozenset({"memos"})))
    assert {"memoHistory"} == names(schema, "Query") & {"memoHistory", "memoWhy", "events"}
    assert "events" not in names(schema, "MemoHistoryEntry")
    assert "Event" not in schema.type_map
