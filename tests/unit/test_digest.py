"""The digest of a command's content: equal for equal content, another one for other content."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field

from domain.dispatch.digest import command_digest
from domain.kernel import ChangeCommand, Command, CreateCommand, Json

KEY = b"a key"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    size: int = 1


class Square(BaseModel):
    kind: Literal["square"] = "square"
    size: int = 1


class Paint(CreateCommand):
    """Paint something."""

    title: str | None = None
    amount: Decimal | None = None
    share: float = 0.5
    at: AwareDatetime | None = None
    day: date | None = None
    waits: timedelta | None = None
    key: UUID | None = None
    raw: bytes | None = None
    colour: Colour | None = None
    tags: frozenset[str] = frozenset()
    sizes: tuple[int, ...] = ()
    shape: Circle | Square | None = Field(None, discriminator="kind")
    more: Json = None


class Label(CreateCommand):
    """Label something."""

    words: list[str] = Field(default_factory=list)
    extra: Json = 1


def digest(command: Command) -> bytes:
    return command_digest(KEY, command)


MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (Paint(), Paint(id=None, share=0.5, tags=frozenset())),
        (Paint(amount=Decimal("1.50")), Paint(amount=Decimal("1.5"))),
        (Paint(amount=Decimal("-0.0")), Paint(amount=Decimal(0))),
        (Paint(share=2), Paint(share=2.0)),
        (Paint(at=MOMENT), Paint(at=MOMENT.astimezone(timezone(timedelta(hours=2))))),
        (Paint(tags=frozenset("abcdefgh")), Paint(tags=frozenset("hgfedcba"))),
        (Paint(more={"a": 1, "b": [2]}), Paint(more={"b": [2], "a": 1})),
        (Paint(shape=Circle()), Paint(shape=Circle(kind="circle", size=1))),
        (Paint(colour=Colour.RED), Paint(colour="red")),
    ],
)
def test_equal_content_has_one_digest(one: Paint, same: Paint) -> None:
    assert digest(one) == digest(same)


def test_other_content_has_another_digest() -> None:
    different = [
        Paint(),
        Paint(id="paint-1"),
        Paint(title=""),
        Paint(title="n"),
        Paint(title="1"),
        Paint(amount=Decimal(1)),
        Paint(amount=Decimal(10)),
        Paint(amount=Decimal("0.1")),
        Paint(amount=Decimal(-1)),
        Paint(share=0.25),
        Paint(at=MOMENT),
        Paint(day=MOMENT.date()),
        Paint(waits=timedelta(seconds=1)),
        Paint(key=UUID(int=1)),
        Paint(raw=b""),
        Paint(raw=b"1"),
        Paint(colour=Colour.RED),
        Paint(colour=Colour.BLUE),
        Paint(tags=frozenset({"ab", "c"})),
        Paint(tags=frozenset({"a", "bc"})),
        Paint(sizes=(1, 2)),
        Paint(sizes=(2, 1)),
        Paint(sizes=(12,)),
        Paint(shape=Circle()),
        Paint(shape=Square()),
        Paint(shape=Circle(size=2)),
        Paint(more=True),
        Paint(more=1),
        Paint(more="1"),
        Paint(more=[1]),
        Paint(more={"1": 1}),
        Paint(more=[]),
        Paint(more={}),
    ]
    assert not [(one, other) for one, other in combinations(different, 2) if digest(one) == digest(other)]


def test_a_field_that_a_later_class_adds_changes_nothing() -> None:
    def declare(**added: object) -> type[Command]:
        fields = {"title": "x", **added}
        space = {"__annotations__": dict.fromkeys(fields, str), "__module__": __name__, **fields}
        return type("Draw", (ChangeCommand,), space)

    before, after = declare(), declare(note="none", colour="red")
    sent = {"id": "draw-1", "title": "y"}
    assert digest(before.model_validate(sent)) == digest(after.model_validate(sent))
    assert digest(before.model_validate(sent)) != digest(after.model_validate({**sent, "note": "some"}))


def test_the_command_itself_counts_and_nobody_guesses_without_the_key() -> None:
    class Draw(Paint):
        """Draw something."""

    assert digest(Draw(title="a")) != digest(Paint(title="a"))
    assert command_digest(b"another key", Paint(title="a")) != digest(Paint(title="a"))


keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal, where true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(json, json)
def test_digests_are_equal_where_contents_are(one: object, other: object) -> None:
    first, second = Paint(more=one), Paint(more=other)
    assert (digest(first) == digest(second)) == same(one, other)


def test_a_default_that_is_made_anew_does_not_count_either() -> None:
    assert digest(Label()) == digest(Label(words=[])) != digest(Label(words=["a"]))


def test_a_default_counts_as_other_content_where_python_takes_both_for_equal() -> None:
    assert digest(Label()) == digest(Label(extra=1)) != digest(Label(extra=True))
