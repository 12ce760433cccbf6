"""Versioned documents: what may be asked of them, and that nothing of their history is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from domain.documents.aggregate import EDITIONS, Document, DocumentCommand
from domain.documents.commands import (
    ArchiveDocument,
    CreateDocument,
    DeleteDocument,
    PatchDocument,
    RenameDocument,
    ReplaceDocument,
    RestoreDocument,
)
from domain.documents.events import (
    DocumentArchived,
    DocumentCreated,
    DocumentDeleted,
    DocumentPatched,
    DocumentRenamed,
    DocumentReplaced,
    DocumentRestored,
)
from domain.documents.merging import merged
from domain.kernel import Facts, InvariantViolated, NotFound
from domain.testing import NOON, given, stored
from eventstore.history.state_json import state_json
from projections.testing import History
from projections.views.documents import view

ID, ANN = "document-1", "subject-ann"
CREATED = DocumentCreated(title="Plan", content={"a": 1, "b": [1, 2]}, tags=["x"])
ABOUT_ANN = DocumentCreated(
    tags=[], subject_id=ANN, personal={"title": "Ann", "content": {"born": 1990, "likes": None}}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def test_a_document_is_created_with_all_that_was_said() -> None:
    plain = CreateDocument(title="Plan", content={"a": 1, "b": [1, 2]}, tags=["x"])
    given(Document).when(plain).then(CREATED)
    personal = CreateDocument(title="Ann", content={"born": 1990, "likes": None}, subject_id=ANN)
    given(Document).when(personal).then(ABOUT_ANN)


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (ReplaceDocument(id=ID, content=[1]), DocumentReplaced(content=[1])),
        (PatchDocument(id=ID, patch={"a": None}), DocumentPatched(patch={"a": None})),
        (RenameDocument(id=ID, title="New"), DocumentRenamed(title="New")),
        (ArchiveDocument(id=ID, reason="old"), DocumentArchived(reason="old")),
    ],
)
def test_a_change_is_one_event_and_none_when_archived(command: DocumentCommand, event: Any) -> None:
    given(Document, CREATED).when(command).then(event)
    given(Document, CREATED, DocumentArchived()).when(command).then_refused()


@pytest.mark.parametrize(
    "command",
    [
        ReplaceDocument(id=ID, content={"b": [1, 2], "a": 1.0}),
        PatchDocument(id=ID, patch={"a": 1}),
        RenameDocument(id=ID, title="Plan"),
        RestoreDocument(id=ID, version=1),
    ],
)
def test_what_changes_nothing_is_no_event(command: DocumentCommand) -> None:
    given(Document, CREATED).when(command).then_nothing()


def test_true_is_not_1() -> None:
    replaced = ReplaceDocument(id=ID, content={"a": True, "b": [1, 2]})
    given(Document, CREATED).when(replaced).then(DocumentReplaced(content={"a": True, "b": [1, 2]}))


def test_restoring_is_a_new_version_with_the_text_of_the_old_one() -> None:
    changed = given(Document, CREATED, DocumentReplaced(content=2), DocumentRenamed(title="B"))
    restored = DocumentRestored(version=1, title="Plan", content={"a": 1, "b": [1, 2]})
    changed.when(RestoreDocument(id=ID, version=1)).then(restored)
    changed.when(RestoreDocument(id=ID, version=4)).then_refused(NotFound)
    archived = given(Document, CREATED, DocumentArchived())
    archived.when(RestoreDocument(id=ID, version=2)).then(restored.model_copy(update={"version": 2}))


@pytest.mark.parametrize(
    "command",
    [
        DeleteDocument(id=ID),
        RestoreDocument(id=ID, version=1),
        PatchDocument(id=ID, patch={}),
        ArchiveDocument(id=ID),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_deleted_document_is_gone_for_every_command(command: DocumentCommand) -> None:
    """Its state has nothing of its content any more; an archived document can be deleted too."""
    deleted = DocumentDeleted(reason="old")
    for history in ([CREATED], [CREATED, DocumentArchived()]):
        given(Document, *history).when(DeleteDocument(id=ID, reason="old")).then(deleted)
        scenario = given(Document, *history, deleted)
        scenario.when(command).then_refused(NotFound, containing="was deleted")
        state = state_json(scenario.state)
        assert (state["title"], state["content"], state["deleted"]) == (None, None, True)


def test_a_document_leaves_its_view_when_it_is_deleted() -> None:
    """Archiving leaves it there."""
    history = History().add(ID, CREATED).add(ID, DocumentArchived())
    assert history.rows(view)[ID]["archived"]
    assert history.add(ID, DocumentDeleted()).rows(view) == {}


def test_a_document_can_be_restored_to_its_last_versions_only() -> None:
    history = [DocumentReplaced(content=number) for number in range(EDITIONS)]
    long = given(Document, CREATED, *history)
    long.when(RestoreDocument(id=ID, version=1)).then_refused(InvariantViolated)
    long.when(RestoreDocument(id=ID, version=2)).then(DocumentRestored(version=2, title="Plan", content=0))


def test_what_is_about_a_person_is_personal_in_every_event() -> None:
    scenario = given(Document, ABOUT_ANN)
    for command, said in (
        (ReplaceDocument(id=ID, content=2), {"content": 2}),
        (PatchDocument(id=ID, patch={"born": 1991}), {"patch": {"born": 1991}}),
        (RenameDocument(id=ID, title="B"), {"title": "B"}),
    ):
        (event,) = scenario.when(command).events
        assert event.to_data() == {"subject_id": ANN, "personal": said}


def test_once_the_person_is_erased_nothing_of_it_is_left() -> None:
    erased = [
        event.model_copy(update={"personal": None})
        for event in (
            ABOUT_ANN,
            DocumentPatched(subject_id=ANN, personal={"patch": {"x": 1}}),
            DocumentRenamed(subject_id=ANN, personal={"title": "B"}),
        )
    ]
    state = given(Document, *erased).state
    assert state_json(state) == {
        "title": None,
        "content": None,
        "tags": [],
        "subject_id": ANN,
        "archived": False,
        "deleted": False,
    }


@given_any(st.lists(JSON | st.integers(1, 6).map(lambda version: RestoreDocument(id=ID, version=version))))
def test_every_version_of_any_history_can_be_restored(steps: list[Any]) -> None:
    state, texts = Document().evolve(CREATED), [("Plan", CREATED.content)]
    for step in steps:
        command = step if isinstance(step, RestoreDocument) else PatchDocument(id=ID, patch={"a": step})
        try:
            events = state.decide(command, Facts(now=NOON, stream_id=ID, version=len(texts)))
        except NotFound:
            assert isinstance(command, RestoreDocument)
            assert command.version > len(texts)
            continue
        for event in events:
            state = state.evolve(stored(event))
            texts.append((str(state.title), state.content))
        if isinstance(command, RestoreDocument):
            assert (state.title, state.content) == texts[command.version - 1]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_test_cases_of_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given_any(JSON, JSON)
def test_a_merge_changes_nothing_in_place_and_is_done_at_once(target: Any, patch: Any) -> None:
    before = repr(target)
    result = merged(target, patch)
    assert repr(target) == before
    assert merged(result, patch) == result
