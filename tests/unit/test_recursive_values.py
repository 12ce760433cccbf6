"""Types that lead back to themselves, and readers that are made once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from domain.kernel import Json
from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import field_type, record_type
from domain.kernel.types.stored_values import decoder, encoder
from tests.helpers.stored_forms import read, stored


class Tree(BaseModel):
    name: str
    branches: list[Tree] = []


class Sum(BaseModel):
    kind: Literal["sum"] = "sum"
    left: Sum | Number
    right: Sum | Number


class Number(BaseModel):
    kind: Literal["number"] = "number"
    value: int


def test_types_may_lead_back_to_themselves():
    tree = Tree(name="a", branches=[Tree(name="b", branches=[Tree(name="c")])])
    assert read(stored(tree, Tree, validated=True), Tree) == tree
    total = Sum(left=Number(value=1), right=Sum(left=Number(value=2), right=Number(value=3)))
    assert read(stored(total, Sum, validated=True), Sum) == total


@pytest.mark.parametrize("depth", [60, 5_000])
def test_a_value_that_holds_itself_too_often_is_refused(depth: int):
    tree, total = Tree(name="leaf"), Number(value=1)
    for _ in range(depth):
        tree = Tree.model_construct(name="a", branches=[tree])
        total = Sum.model_construct(kind="sum", left=total, right=Number(value=1))  # type: ignore[assignment]
    for value, annotation in ((tree, Tree), (total, Sum)):
        with pytest.raises(UnfitValue, match="must not contain others more than 50 deep"):
            stored(value, annotation, validated=True)
    assert stored(Tree(name="b"), Tree, validated=True) == {"name": "b", "branches": []}


def test_plain_fields_cost_nothing():
    annotation: Any
    for annotation in (str, bool, bytes, Json, list[str], str | None, tuple[str, bool], Literal["a"]):
        assert encoder(field_type(annotation, "Test.field"), validated=True) is None, annotation
    for annotation in (str, bool, int, float, datetime, Json, list[int], dict[str, float], Literal["a"]):
        assert decoder(field_type(annotation, "Test.field")) is None, annotation


def test_a_record_is_read_once():
    assert record_type(Tree) is record_type(Tree)
