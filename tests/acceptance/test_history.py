"""A user of versioned documents: writes, looks back, compares, goes back, and has a person erased."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.helpers.served_api import Served, serve

STATE = "query ($id: ID!, $version: Int, $asOf: AsOf) { stateAt(id: $id, version: $version, asOf: $asOf) "
STATE += "{ version state } }"
DIFF = "query ($id: ID!, $from: Int!, $to: Int!) { diff(id: $id, from: $from, to: $to) "
DIFF += "{ operation path before after } }"
VERSIONS = "query ($id: ID!, $after: Int, $first: Int) { versions(id: $id, after: $after, first: $first) "
VERSIONS += "{ version types position time command } }"


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API that can keep personal data."""
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": f"test_{uuid4().hex}"}
    with serve(master_key=b64encode(bytes(range(32))).decode(), **own) as running:
        yield running
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(own["database"])


def document(served: Served, id: str, at_least: str | None = None) -> dict[str, Any]:
    query = "query ($id: ID!, $atLeast: Position) "
    query += "{ document(id: $id, atLeast: $atLeast) { title content archived version } }"
    found: dict[str, Any] = served.ask(query, id=id, atLeast=at_least)["document"]
    return found


def test_every_version_of_a_document_can_be_read_compared_and_restored(served: Served) -> None:
    created = served.do("createDocument", title="Plan", content={"steps": ["a", "b"], "budget": 5})
    note = created["stream"]
    served.do("patchDocument", id=note, patch={"budget": None, "owner": "ann"})
    served.do("renameDocument", id=note, title="The plan")
    last = served.do("replaceDocument", id=note, content={"steps": ["b", "c"], "owner": "ann"})
    assert last["version"] == 4

    versions = served.ask(VERSIONS, id=note)["versions"]
    assert [one["version"] for one in versions] == [1, 2, 3, 4]
    assert [one["types"] for one in versions][1:3] == [["document.patched"], ["document.renamed"]]
    paged = served.ask(VERSIONS, id=note, after=1, first=2)["versions"]
    assert paged == versions[1:3]

    first = {"title": "Plan", "content": {"steps": ["a", "b"], "budget": 5}}
    rest: dict[str, Any] = {"tags": [], "subjectId": None, "archived": False, "deleted": False}
    for point in ({"version": 1}, {"asOf": {"position": versions[0]["position"]}}):
        assert served.ask(STATE, id=note, **point)["stateAt"] == {"version": 1, "state": first | rest}
    now = served.ask(STATE, id=note, asOf={"time": versions[3]["time"]})
    assert now["stateAt"]["version"] == 4

    assert served.ask(DIFF, **{"id": note, "from": 1, "to": 4})["diff"] == [
        {"operation": "REPLACE", "path": "/title", "before": "Plan", "after": "The plan"},
        {"operation": "REMOVE", "path": "/content/steps/0", "before": "a", "after": None},
        {"operation": "ADD", "path": "/content/steps/1", "before": None, "after": "c"},
        {"operation": "REMOVE", "path": "/content/budget", "before": 5, "after": None},
        {"operation": "ADD", "path": "/content/owner", "before": None, "after": "ann"},
    ]

    served.do("archiveDocument", id=note)
    served.do("restoreDocument", id=note, version=1)
    assert document(served, note) == {**first, "archived": False, "version": 6}
    assert served.ask(DIFF, **{"id": note, "from": 1, "to": 6})["diff"] == []


def test_a_change_that_was_decided_on_an_older_version_is_refused(served: Served) -> None:
    note = served.do("createDocument", title="x", content=1)["stream"]
    replace = "mutation ($id: ID!) { replaceDocument(input: {id: $id, content: 2}, expectedVersion: 1) "
    replace += "{ receipt { version } } }"
    assert served.ask(replace, id=note)["replaceDocument"]["receipt"]["version"] == 2
    error = served.refused(replace, id=note)
    assert (error["extensions"]["code"], error["extensions"]["version"]) == ("CONCURRENCY_CONFLICT", 2)


def test_changes_that_fit_together_all_hold_and_the_last_title_wins(served: Served) -> None:
    """Each was decided on version 1, by clients that did not know of each other."""
    note = served.do("createDocument", title="x", content={"a": 1, "b": {"c": 1, "d": 1}})["stream"]
    patch = "mutation ($input: PatchDocumentInput!) { patchDocument(input: $input, expectedVersion: 1) "
    patch += "{ receipt { version } } }"
    rename = "mutation ($input: RenameDocumentInput!) { renameDocument(input: $input, expectedVersion: 1) "
    rename += "{ receipt { version } } }"
    served.ask(patch, input={"id": note, "patch": {"a": 2}})
    served.ask(rename, input={"id": note, "title": "y"})
    served.ask(rename, input={"id": note, "title": "z"})
    served.ask(patch, input={"id": note, "patch": {"b": {"d": 2}}})
    error = served.refused(patch, input={"id": note, "patch": {"b": {"d": None}}})
    assert (error["extensions"]["code"], error["extensions"]["version"]) == ("CONCURRENCY_CONFLICT", 5)
    state = served.ask(STATE, id=note, version=5)["stateAt"]["state"]
    assert (state["title"], state["content"]) == ("z", {"a": 2, "b": {"c": 1, "d": 2}})


def test_c16_what_diff_returns_is_a_patch_that_leads_back_and_forth(served: Served) -> None:
    note = served.do("createDocument", title="x", content={"a": [1, 2], "content": {"b": None}})["stream"]
    served.do("replaceDocument", id=note, content={"a": [2, 3], "content": {"c": 1}})
    diff = """query ($id: ID!, $from: Int!, $to: Int!) {
      diff(id: $id, from: $from, to: $to, path: "/content") { operation path before after } }"""
    back = served.ask(diff, **{"id": note, "from": 2, "to": 1})["diff"]
    assert [change["path"] for change in back if "content" in change["path"]] == ["/content/c", "/content/b"]
    served.do("patchDocument", id=note, patch=back)
    assert document(served, note)["content"] == {"a": [1, 2], "content": {"b": None}}
    aliased = diff.replace("operation path before after", "op: operation path value: after")
    forth = served.ask(aliased, **{"id": note, "from": 1, "to": 2})["diff"]
    served.do("patchDocument", id=note, patch=[{"op": "test", "path": "/a/0", "value": 1}, *forth])
    assert document(served, note)["content"] == {"a": [2, 3], "content": {"c": 1}}


@pytest.mark.parametrize(
    ("patch", "code", "words"),
    [
        ([1, 2], "VALIDATION_FAILED", "step 1"),
        ("text", "VALIDATION_FAILED", "replaceDocument"),
        ([{"op": "test", "path": "/a", "value": 2}], "INVARIANT_VIOLATED", "step 1 of the patch"),
        ([{"op": "remove", "path": "/x"}], "INVARIANT_VIOLATED", "step 1 of the patch"),
    ],
)
def test_c16_a_list_never_replaces_the_content(served: Served, patch: Any, code: str, words: str) -> None:
    note = served.do("createDocument", title="x", content={"a": 1})["stream"]
    call = "mutation ($input: PatchDocumentInput!) { patchDocument(input: $input) { receipt { version } } }"
    error = served.refused(call, input={"id": note, "patch": patch})
    assert error["extensions"]["code"] == code
    assert words in error["message"]
    assert document(served, note)["content"] == {"a": 1}


def test_a_difference_below_no_pointer_is_refused(served: Served) -> None:
    note = served.do("createDocument", title="x", content=1)["stream"]
    query = 'query ($id: ID!) { diff(id: $id, from: 0, to: 1, path: "content") { path } }'
    assert served.refused(query, id=note)["extensions"] == {"code": "VALIDATION_FAILED", "path": ["path"]}
    some = 'query ($id: ID!) { diff(id: $id, from: 0, to: 1, path: "/content") { path after } }'
    assert served.ask(some, id=note)["diff"] == [{"path": "", "after": 1}]


def test_any_entity_has_versions(served: Served) -> None:
    agent = served.do("registerAgent", name="a")["stream"]
    task = served.do("createTask", title="t", agentId=agent)["stream"]
    served.do("completeTask", id=task)
    (created, completed) = served.ask(VERSIONS, id=task)["versions"]
    assert created["types"] == ["task.created", "task.assigned"]
    assert (created["version"], completed["version"], completed["command"]) == (2, 3, "CompleteTask")
    assert served.ask(DIFF, **{"id": task, "from": 2, "to": 3})["diff"] == [
        {"operation": "REPLACE", "path": "/status", "before": "ASSIGNED", "after": "COMPLETED"}
    ]
    before = served.ask(STATE, id=task, asOf={"position": created["position"]})["stateAt"]
    assert before["state"]["status"] == "ASSIGNED"
    assert served.ask(STATE, id=agent, version=0)["stateAt"] == {"version": 0, "state": None}


def test_once_the_person_is_erased_no_version_tells_of_it(served: Served) -> None:
    person = f"subject-{uuid4().hex}"
    made = served.do("createDocument", title="Ann", content={"born": 1990}, subjectId=person, tags=["cv"])
    note = made["stream"]
    served.do("patchDocument", id=note, patch={"likes": "tea"})
    assert document(served, note)["content"] == {"born": 1990, "likes": "tea"}
    erased = served.do("eraseSubject", subject=person)
    assert document(served, note, erased["position"])["content"] is None
    for version in (1, 2):
        state = served.ask(STATE, id=note, version=version)["stateAt"]["state"]
        assert (state["title"], state["content"], state["tags"]) == (None, None, ["cv"])
    assert served.ask(DIFF, **{"id": note, "from": 1, "to": 2})["diff"] == []
    again = {"id": note, "title": "Ann again"}
    rename = "mutation ($input: RenameDocumentInput!) { renameDocument(input: $input) "
    rename += "{ receipt { version } } }"
    assert served.refused(rename, input=again)["extensions"]["code"] == "INVARIANT_VIOLATED"


@pytest.mark.parametrize(
    ("query", "variables", "code", "sentence"),
    [
        (STATE, {"version": 9}, "NOT_FOUND", "has no version 9 yet"),
        (STATE, {"version": -1}, "VALIDATION_FAILED", "not a version"),
        (STATE, {}, "VALIDATION_FAILED", "either version or asOf"),
        (STATE, {"version": 1, "asOf": {}}, "VALIDATION_FAILED", "either version or asOf"),
        (STATE, {"asOf": {}}, "VALIDATION_FAILED", "either position or time"),
        (STATE, {"asOf": {"position": "nonsense"}}, "VALIDATION_FAILED", "did not issue"),
        (STATE, {"asOf": {"time": "1999-01-01T00:00:00Z"}}, "NOT_FOUND", "before the log begins"),
        (STATE, {"asOf": {"time": "2199-01-01T00:00:00Z"}}, "NOT_FOUND", "still to come"),
        (STATE, {"id": "document-none", "version": 1}, "NOT_FOUND", "there is no stream"),
        (STATE, {"id": "unknown-1", "version": 1}, "NOT_FOUND", "no registered context"),
        (DIFF, {"from": 1, "to": 2}, "NOT_FOUND", "has no version 2 yet"),
        (VERSIONS, {"id": "document-none"}, "NOT_FOUND", "there is no stream"),
        (VERSIONS, {"after": -1}, "VALIDATION_FAILED", "not a version"),
        (VERSIONS, {"first": 201}, "VALIDATION_FAILED", "first must be"),
        (VERSIONS, {"first": 100_000}, "TOO_COMPLEX", "ask for smaller pages"),
    ],
)
def test_what_is_not_there_is_told(
    served: Served, query: str, variables: dict[str, Any], code: str, sentence: str
) -> None:
    note = served.do("createDocument", "STORED", title="x", content=1)["stream"]
    error = served.refused(query, **{"id": note, **variables})
    assert error["extensions"]["code"] == code
    assert sentence in error["message"]
