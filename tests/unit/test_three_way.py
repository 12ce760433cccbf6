"""Three-way merges of documents: their laws, and what each rule does."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.documents.aggregate import EDITIONS, Document
from domain.documents.commands import MemberRule, MergeDocument
from domain.documents.events import (
    DocumentArchived,
    DocumentCreated,
    DocumentPatched,
    DocumentRenamed,
    DocumentReplaced,
)
from domain.documents.json_pointer import pointer, read_pointer
from domain.documents.merging import INEXPRESSIBLE, is_same_json, merge_patch, merged
from domain.documents.three_way import MergeConflict, MergeRule, MergeRules, merge_edits
from domain.kernel import InvariantViolated, NotFound
from domain.testing import given

ID = "document-1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.just(1.0) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
LISTS = st.lists(st.integers(0, 3), max_size=4)
REFUSE, THEIRS, YOURS, UNITE = MergeRule


def rules(default: MergeRule, **by_name: MergeRule) -> MergeRules:
    """The rules of members at the top."""
    return MergeRules(default, {(name,): rule for name, rule in by_name.items()})


@given_any(JSON, JSON, st.sampled_from(MergeRule))
def test_one_edit_alone_or_the_same_edit_twice_is_the_result(base: Any, edit: Any, rule: MergeRule) -> None:
    """No rule is asked."""
    for theirs, yours in ((base, edit), (edit, base), (edit, edit)):
        merge = merge_edits(base, theirs, yours, rules(rule))
        assert is_same_json(merge.value, edit)
        assert merge.conflicts == ()


@given_any(JSON, JSON, JSON)
def test_sides_can_be_swapped_with_their_rules(base: Any, one: Any, other: Any) -> None:
    """A merge changes nothing in place."""
    before = deepcopy((base, one, other))
    merge = merge_edits(base, one, other, rules(THEIRS))
    assert is_same_json(merge.value, merge_edits(base, other, one, rules(YOURS)).value)
    assert merge.conflicts == ()
    assert repr((base, one, other)) == repr(before)


@given_any(OBJECTS, OBJECTS, OBJECTS)
def test_without_a_conflict_the_edit_is_applied_as_a_merge_patch_would_be(
    base: dict[str, Any], theirs: dict[str, Any], yours: dict[str, Any]
) -> None:
    """Both keep what the other side changed elsewhere."""
    merge = merge_edits(base, theirs, yours, rules(REFUSE))
    patch = merge_patch(base, yours)
    if not merge.conflicts and patch is not INEXPRESSIBLE:
        assert is_same_json(merge.value, merged(theirs, patch))


@given_any(OBJECTS, OBJECTS, OBJECTS)
def test_each_member_is_from_a_side_that_changed_it(
    base: dict[str, Any], theirs: dict[str, Any], yours: dict[str, Any]
) -> None:
    """Members that both changed to values other than objects are conflicts, and no others."""
    merge = merge_edits(base, theirs, yours, rules(REFUSE))
    clashes = {path[0] for path in merge.conflicts}
    for name in {*base, *theirs, *yours}:
        old, one, other = (side.get(name, ...) for side in (base, theirs, yours))
        if same(one, old) or same(other, old) or same(one, other):
            assert name not in clashes
            assert same(merge.value.get(name, ...), other if same(one, old) else one)
        elif not (isinstance(one, dict) and isinstance(other, dict)):
            assert name in clashes


def same(one: Any, other: Any) -> bool:
    """Whether both are absent, or the same JSON."""
    if one is ... or other is ...:
        return one is other
    return is_same_json(one, other)


@given_any(LISTS, LISTS, LISTS)
def test_united_lists_have_what_either_side_added_and_lack_what_either_removed(
    base: list[int], theirs: list[int], yours: list[int]
) -> None:
    """Where only one side changed the list, the rule is not asked."""
    merge = merge_edits(base, theirs, yours, rules(UNITE))
    assert merge.conflicts == ()
    if base not in (theirs, yours) and theirs != yours:
        removed = (set(base) - set(theirs)) | (set(base) - set(yours))
        assert set(merge.value) == (set(base) | set(theirs) | set(yours)) - removed


@pytest.mark.parametrize(
    ("base", "theirs", "yours", "result"),
    [
        ([1], [1, True], [1, 1.0], [1, True]),
        ([{"a": 1}], [{"a": 1}, {"b": 2}], [{"c": [3]}], [{"b": 2}, {"c": [3]}]),
        ("text", ["a"], ["b"], ["a", "b"]),
    ],
)
def test_items_are_united_by_what_they_are(base: Any, theirs: Any, yours: Any, result: Any) -> None:
    """True is not 1, and 1 is 1.0."""
    assert repr(merge_edits(base, theirs, yours, rules(UNITE)).value) == repr(result)


def test_a_value_that_is_no_list_is_not_united() -> None:
    """The merge is refused there."""
    merge = merge_edits({"a": 1}, {"a": 2}, {"a": [3]}, rules(UNITE))
    assert merge.conflicts == (("a",),)


def test_the_rule_of_the_longest_path_decides() -> None:
    """A rule also holds for all members below its path."""
    by_path = {("a",): YOURS, ("a", "b"): THEIRS, ("a", "b", "c"): REFUSE}
    chosen = MergeRules(UNITE, by_path)
    assert [chosen.at(path) for path in ((), ("x",), ("a", "x"), ("a", "b", "x"), ("a", "b", "c", "x"))] == [
        UNITE, UNITE, YOURS, THEIRS, REFUSE
    ]  # fmt: skip


@given_any(st.lists(st.text("a/~01", max_size=3), max_size=4).map(tuple))
def test_a_pointer_leads_back_to_its_path(path: tuple[str, ...]) -> None:
    """Whatever characters its parts have."""
    assert read_pointer(pointer(path)) == path


CREATED = DocumentCreated(title="Plan", content={"a": 1, "b": {"c": 1}, "tags": ["x"]}, tags=[])
CHANGED = DocumentPatched(patch={"b": {"c": 2}, "tags": ["x", "y"]})


def merge_of(content: Any, **fields: Any) -> MergeDocument:
    """The merge of a copy of version 1."""
    return MergeDocument(id=ID, base_version=1, content=content, **fields)


def test_a_copy_is_merged_into_a_document_that_has_changed() -> None:
    """What changed is stored as a patch, and a new title as a second event."""
    document = given(Document, CREATED, CHANGED)
    copy = {"a": 5, "b": {"c": 1}, "tags": ["x"]}
    document.when(merge_of(copy)).then(DocumentPatched(patch={"a": 5}))
    document.when(merge_of(copy, title="New")).then(
        DocumentRenamed(title="New"), DocumentPatched(patch={"a": 5})
    )
    document.when(merge_of(CREATED.content)).then_nothing()
    document.when(merge_of({"a": None, "b": {"c": 1}, "tags": ["x"]})).then(
        DocumentReplaced(content={"a": None, "b": {"c": 2}, "tags": ["x", "y"]})
    )


def test_what_both_changed_is_refused_with_all_paths_unless_a_rule_decides() -> None:
    """The error has the code of a conflict, and the versions."""
    document = given(Document, CREATED, CHANGED, DocumentRenamed(title="Theirs"))
    copy = {"a": 1, "b": {"c": 3}, "tags": ["z", "x"]}
    with pytest.raises(MergeConflict, match="/title, /content/b/c, /content/tags of document") as raised:
        document.when(merge_of(copy, title="Yours")).then()
    assert raised.value.code == "CONCURRENCY_CONFLICT"
    assert raised.value.details() == {
        "stream": raised.value.stream,
        "expectedVersion": 1,
        "version": 3,
        "paths": ["/title", "/content/b/c", "/content/tags"],
    }
    decided = [MemberRule(path="/content/tags", rule=UNITE), MemberRule(path="/title", rule=THEIRS)]
    document.when(merge_of(copy, title="Yours", rule=YOURS, rules=decided)).then(
        DocumentPatched(patch={"b": {"c": 3}, "tags": ["x", "y", "z"]})
    )


def test_the_base_of_a_merge_is_one_of_the_last_versions() -> None:
    """A document that is archived is not changed."""
    history = [DocumentReplaced(content=number) for number in range(EDITIONS)]
    given(Document, CREATED, *history).when(merge_of(1)).then_refused(InvariantViolated)
    ahead = MergeDocument(id=ID, base_version=9, content=1)
    given(Document, CREATED).when(ahead).then_refused(NotFound)
    given(Document, CREATED, DocumentArchived()).when(merge_of(1)).then_refused()


@pytest.mark.parametrize("path", ["title", "/a~2", "content/a"])
def test_a_rule_has_a_path(path: str) -> None:
    """Which is a JSON Pointer."""
    with pytest.raises(ValidationError, match="JSON Pointer"):
        MemberRule(path=path, rule=YOURS)
