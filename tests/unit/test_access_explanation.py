"""`nerve access explain` says of each field of a document what a caller may see, by which rule."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from api.access.callers import ANONYMOUS, UNRESTRICTED, Caller
from api.access.rule_text import permission_text, rule_text
from api.access.visibility import Visibilities
from api.cli.access_explain import read_caller
from api.graphql.access_explanation import AccessExplainer
from api.graphql.schema import build_schema
from domain.kernel import Catalog, Scope
from domain.kernel.access import Access, anyone, bind, claim, nobody, owner, role, signed_in, where
from domain.kernel.errors import ValidationFailed
from projections.kernel import View
from tests.helpers import memo_books, memos
from tests.helpers.command_line import CLI
from tests.helpers.field_documents import field_documents

CATALOG = Catalog([memos.context, memo_books.context])
VIEWS: list[View[Any]] = [memos.view, memo_books.view]
ADA = Caller(Scope("acme", "ada"), "ada", claims={"team": ("red", "blue")})


def verdicts(caller: Caller, document: str) -> dict[str, str]:
    explained = AccessExplainer(CATALOG, VIEWS, caller).explain(document)
    return {field.path: f"{field.verdict}: {field.rule}: {field.reason}" for field in explained}


def test_each_field_has_a_verdict_with_the_rule_and_the_reason() -> None:
    document = """
    mutation Seal { sealMemo(input: {id: "memo-1"}) { receipt { stream } } }
    query List { memos { nodes { text score book { title } } } viewer { subject } }
    """
    rule = "owner('author') | role('auditor') | where('public', True)"
    above = "it has no rule besides those above it"
    assert verdicts(ADA, document) == {
        "sealMemo": "hidden: nobody: the rule allows this caller nothing",
        "sealMemo.receipt": "hidden: —: it is part of a field that is hidden",
        "sealMemo.receipt.stream": "hidden: —: it is part of a field that is hidden",
        "memos": f"filtered: {rule}: the rule allows where author is 'ada', or public is True",
        "memos.nodes": f"allowed: —: {above}",
        "memos.nodes.text": f"allowed: —: {above}",
        "memos.nodes.score": "hidden: role('auditor'): the rule allows this caller nothing",
        "memos.nodes.book": "hidden: role('librarian'): the rule allows this caller nothing",
        "memos.nodes.book.title": "hidden: —: it is part of a field that is hidden",
        "viewer": f"allowed: —: {above}",
        "viewer.subject": f"allowed: —: {above}",
    }


def test_fields_of_fragments_are_explained_under_their_names() -> None:
    document = "{ memos { nodes { ...Parts } } } fragment Parts on Memo { score }"
    assert verdicts(ADA, document)["...Parts.score"].startswith("hidden: role('auditor')")


def test_events_are_filtered_by_the_rules_of_their_types() -> None:
    explained = verdicts(ADA, "{ events { nodes { id } } }")["events"]
    assert explained == "filtered: —: each event by the rule of its type; 2 types exist for the caller"


def test_a_key_for_other_commands_is_the_reason() -> None:
    caller = Caller(ADA.scope, "ada", commands=frozenset({"PinMemo"}))
    document = 'mutation { editMemo(input: {id: "memo-1", text: "x"}) { receipt { stream } } }'
    assert verdicts(caller, document)["editMemo"].endswith("the API key is for other commands")


@pytest.mark.parametrize("caller", [ANONYMOUS, ADA, UNRESTRICTED])
def test_verdicts_agree_with_the_schema_of_the_caller(caller: Caller) -> None:
    """For every root field."""
    visible = build_schema(CATALOG, VIEWS, Visibilities(CATALOG, VIEWS).of(caller))
    explainer = AccessExplainer(CATALOG, VIEWS, caller)
    for document in field_documents(build_schema(CATALOG, VIEWS), {}, depth=3):
        root = visible.type_map.get(document.root)
        explained = explainer.explain(document.text)[0]
        assert (explained.verdict == "hidden") == (document.field not in getattr(root, "fields", ()))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (anyone, "anyone"),
        (signed_in, "signed_in"),
        (nobody, "nobody"),
        (role("b", "a"), "role('a', 'b')"),
        (
            owner("author") | role("x") & where("public", True),
            "owner('author') | role('x') & where('public', True)",
        ),
        (signed_in & where("public", True), "signed_in & where('public', True)"),
        (claim("team", "team_id"), "claim('team', 'team_id')"),
    ],
)
def test_a_rule_is_written_as_it_is_declared(rule: Access, text: str) -> None:
    assert rule_text(rule) == text


def test_what_a_rule_allows_a_caller_is_a_sentence() -> None:
    assert permission_text(bind(claim("team", "team_id"), ADA)) == "where team_id is one of 'red', 'blue'"
    assert permission_text(bind(signed_in, ADA)) == "everything"
    assert permission_text(bind(nobody, ADA)) == "nothing"


def test_the_caller_is_read_from_the_option() -> None:
    caller = read_caller("subject=ada,roles=editor,reviewer,tenant=acme,team=red,blue")
    assert caller == Caller(
        Scope("acme", "ada"), "ada", frozenset({"editor", "reviewer"}), claims={"team": ("red", "blue")}
    )
    assert read_caller("").is_anonymous
    with pytest.raises(ValidationFailed, match="begins without a name"):
        read_caller("ada")


def test_the_command_prints_a_table() -> None:
    document = "{ tasks { nodes { id } } processes { nodes { id } } }"
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(
        CLI, ["access", "explain", "--as", "subject=ada", document]
    )
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines()]
    assert ["tasks", "allowed", "signed_in"] in [line[:3] for line in lines]
    assert ["processes", "hidden", "role('operator')"] in [line[:3] for line in lines]


def test_a_document_that_is_not_valid_gets_one_sentence() -> None:
    with pytest.raises(ValidationFailed, match="Cannot query field 'nothing'"):
        AccessExplainer(CATALOG, VIEWS, ADA).explain("{ nothing }")
    with pytest.raises(ValidationFailed, match="cannot be read: Syntax Error"):
        AccessExplainer(CATALOG, VIEWS, ADA).explain("{")
