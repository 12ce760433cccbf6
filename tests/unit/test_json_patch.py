"""C16: JSON Patch on documents, compared with another implementation of RFC 6902."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.documents.aggregate import Document
from domain.documents.commands import PatchDocument
from domain.documents.conflicts import merge
from domain.documents.events import DocumentCreated, DocumentPatched, DocumentReplaced
from domain.documents.json_patch import MAX_STEPS, apply_steps, read_steps
from domain.documents.merging import INEXPRESSIBLE, is_same_json, merge_patch, merged
from domain.kernel import Facts, InvariantViolated
from domain.testing import NOON, given, stored
from eventstore.history.diff import Operation, diff

ID = "document-1"
SCALARS = st.none() | st.integers(2, 4) | st.text("ab", max_size=2)
NAMES = st.sampled_from(["a", "b", "", "0", "~", "/"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "2", "-", "", "~0", "~1", "01"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
        optional={"from": POINTERS, "value": JSON},
    ),
    max_size=4,
)


def patched(content: Any, patch: list[Any]) -> Any:
    return apply_steps(content, read_steps(patch))


@settings(max_examples=300, deadline=None)
@given_any(JSON, STEPS)
def test_c16_a_patch_does_what_another_implementation_does(content: Any, steps: list[Any]) -> None:
    before = deepcopy(content), deepcopy(steps)
    try:
        expected = jsonpatch.apply_patch(content, steps)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError):
        with pytest.raises((ValueError, InvariantViolated)):
            patched(content, steps)
    else:
        assert is_same_json(patched(content, steps), expected)
    assert (content, steps) == before, "nothing is changed in place"


@pytest.mark.parametrize(
    ("content", "patch", "result"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}],
         {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        ({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
         [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
         {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ({"foo": ["all", "grass", "cows", "eat"]}, [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
         {"foo": ["all", "cows", "eat", "grass"]}),
        ({"baz": "qux", "foo": ["a", 2, "c"]},
         [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
         {"baz": "qux", "foo": ["a", 2, "c"]}),
        ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
         {"foo": "bar", "child": {"grandchild": {}}}),
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
         {"foo": "bar", "baz": "qux"}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
         {"foo": ["bar", ["abc", "def"]]}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": None}], None),
        ({"a": 1}, [{"op": "copy", "from": "", "path": "/a"}], {"a": {"a": 1}}),
        (None, [], None),
    ],
)  # fmt: skip
def test_c16_the_examples_of_rfc_6902(content: Any, patch: list[Any], result: Any) -> None:
    assert patched(content, patch) == result


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "test", "path": "/a", "value": True}],
        [{"op": "test", "path": "/a", "value": "1"}],
        [{"op": "test", "path": "/x", "value": None}],
        [{"op": "remove", "path": "/x"}],
        [{"op": "remove", "path": ""}],
        [{"op": "replace", "path": "/x", "value": 1}],
        [{"op": "add", "path": "/x/y", "value": 1}],
        [{"op": "add", "path": "/a/b", "value": 1}],
        [{"op": "add", "path": "/list/3", "value": 1}],
        [{"op": "add", "path": "/list/01", "value": 1}],
        [{"op": "remove", "path": "/list/-"}],
        [{"op": "remove", "path": "/list/-1"}],
        [{"op": "remove", "path": "/list/99999999999999999999"}],
        [{"op": "move", "from": "/o", "path": "/o/b"}],
        [{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/a"}],
    ],
)
def test_c16_a_step_that_cannot_be_done_leaves_all_undone_and_is_named(patch: list[Any]) -> None:
    content = {"a": 1, "list": [1, 2], "o": {"b": 1}}
    with pytest.raises(InvariantViolated, match=f"step {len(patch)} of the patch"):
        patched(content, patch)
    assert content == {"a": 1, "list": [1, 2], "o": {"b": 1}}


@pytest.mark.parametrize(
    "patch",
    [
        3, "text", None, True, [1], [[]], [{}], [{"op": "add", "path": "/a"}], [{"op": "ADDED", "path": ""}],
        [{"op": "remove", "path": "a"}], [{"op": "remove", "path": "/~2"}], [{"op": "remove"}],
        [{"op": "move", "path": "/a"}], [{"op": 5, "path": "/a"}], ["a", "b"],
        [{"op": "remove", "path": "/a"}] * (MAX_STEPS + 1),
    ],
)  # fmt: skip
def test_c16_what_is_neither_kind_of_patch_replaces_nothing(patch: Any) -> None:
    with pytest.raises(ValidationError, match="must"):
        PatchDocument(id=ID, patch=patch)


def test_c16_a_few_copies_do_not_make_a_document_beyond_all_bounds() -> None:
    doubling = [{"op": "copy", "from": "", "path": "/-"}] * 40
    with pytest.raises(InvariantViolated, match=r"nested more|copies more"):
        patched([1] * 1000, doubling)
    wide = [{"op": "copy", "from": "/text", "path": f"/{n}"} for n in range(900)]
    with pytest.raises(InvariantViolated, match="copies more"):
        patched({"text": "x" * 2_000}, wide)


@given_any(JSON, JSON)
def test_c16_a_difference_fed_back_leads_from_the_one_to_the_other(before: Any, after: Any) -> None:
    """In the form of RFC 6902, and as `diff` returns it."""
    changes = [{**change._asdict(), "operation": change.operation.name} for change in diff(before, after)]
    assert is_same_json(patched(before, changes), after)
    plain = [
        {"op": change.operation.value, "path": change.path}
        | ({} if change.operation is Operation.REMOVE else {"value": change.after})
        for change in diff(before, after)
    ]
    assert is_same_json(patched(before, plain), after)


@given_any(JSON, JSON)
def test_c16_what_is_stored_says_the_same_as_the_steps(before: Any, after: Any) -> None:
    state = Document().evolve(DocumentCreated(title="t", content=before, tags=[]))
    patch = [{"op": "add", "path": "", "value": after}]
    for event in state.decide(PatchDocument(id=ID, patch=patch), Facts(now=NOON, stream_id=ID, version=1)):
        state = state.evolve(stored(event))
    assert is_same_json(state.content, after)


@given_any(JSON, JSON)
def test_a_merge_patch_leads_from_the_one_to_the_other(before: Any, after: Any) -> None:
    patch = merge_patch(before, after)
    if patch is not INEXPRESSIBLE:
        assert is_same_json(merged(before, patch), after)
    else:
        assert not isinstance(before, dict) or not isinstance(after, dict) or "null" in _text(after)


def _text(value: Any) -> str:
    return str(value).replace("None", "null")


def test_c16_steps_are_stored_as_what_they_change() -> None:
    document = given(Document, DocumentCreated(title="t", content={"a": 1, "b": [1, 2]}, tags=[]))

    def patch(*steps: dict[str, Any]) -> Any:
        return document.when(PatchDocument(id=ID, patch=list(steps)))

    patch({"op": "replace", "path": "/a", "value": 2}).then(DocumentPatched(patch={"a": 2}))
    patch({"op": "add", "path": "/b/-", "value": 3}).then(DocumentPatched(patch={"b": [1, 2, 3]}))
    patch({"op": "replace", "path": "/a", "value": None}).then(
        DocumentReplaced(content={"a": None, "b": [1, 2]})
    )
    patch({"op": "test", "path": "/a", "value": 1}).then_nothing()
    patch({"op": "test", "path": "/a", "value": 2}).then_refused()


@pytest.mark.parametrize(
    ("steps", "fits"),
    [
        ([{"op": "add", "path": "/a/x", "value": 1}], True),
        ([{"op": "remove", "path": "/a"}], False),
        ([{"op": "move", "from": "/a/b", "path": "/c"}], False),
        ([{"op": "move", "from": "/d", "path": "/c"}], True),
        ([{"op": "test", "path": "/a/b", "value": 1}], True),
        ([{"op": "replace", "path": "", "value": 1}], False),
    ],
)
def test_c16_steps_fit_where_others_changed_other_members(steps: list[Any], fits: bool) -> None:
    command = PatchDocument(id=ID, patch=steps)
    assert (merge(command, [DocumentPatched(patch={"a": {"b": 2}})]) is command) is fits
