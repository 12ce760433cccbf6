"""Writers of objects, generated as Python code: a loop over the fields would cost more than writing them.

Of the selection, the code has the names and keys of fields as literals, and nothing else. Objects of equal
shapes share it. Objects and lists of objects inside an object are written by the same code, without a call
for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from api.encoding import write_stored_moment, write_stored_moments
from api.graphql.execution.leaf_forms import LeafForm
from api.limits.byte_budget import SMALL, ByteBudget

Write = Callable[[Any, ByteBudget, Any], Any]
"""Returns what a response has of a value; the last argument is the context of the request.

Of an object's field the value is the object. It raises any exception where graphql-core has to write the
value: what was spent of the budget must be given back then.
"""

CACHED_SHAPES = 1_000
MOMENT_BYTES = 24

MAX_LEVELS = 6
"""Levels of objects that the same code writes. Python allows 20 loops inside each other."""

MAX_MEMBERS = 50
"""Fields of an object that is written by the code of another one: Python compiles long functions slowly."""


class FieldShape(NamedTuple):
    """What the code of an object has of a field: its name, and where its value comes from.

    That is the item `key` of the object, or its reader if the field `is_read`; otherwise the field's writer
    gets the object itself. `members` are the fields of values that are objects, or that are in a list.
    """

    name: str
    key: str | None
    is_read: bool
    form: LeafForm
    is_nullable: bool
    is_list: bool
    is_batched: bool
    members: tuple[FieldShape, ...]


class FieldCode(NamedTuple):
    """A field with the functions that its code calls.

    Values that are not of the usual class are written by `write`, and items of lists by `write_item`. `names`
    are those of an enum's values. A `batched` field is written as null until its value is there.
    """

    shape: FieldShape
    write: Write
    write_item: Write | None = None
    read: Callable[[Any, Any], Any] | None = None
    names: Mapping[str, str] | None = None
    batched: Any = None
    members: Sequence[FieldCode] = ()


def generate_writer(fields: Sequence[FieldCode]) -> Write:
    """Return the writer of objects with these fields."""
    functions: dict[str, Any] = {}
    _collect(fields, count(), functions, 1)
    write: Write = _factory(tuple(field.shape for field in fields))(functions)
    return write


def _collect(
    fields: Sequence[FieldCode], places: Iterator[int], functions: dict[str, Any], level: int
) -> None:
    """Collect the functions of fields, by their names in the code, in the order of `_Generator`."""
    for field in fields:
        place = next(places)
        functions[f"write_{place}"] = field.write
        functions[f"item_{place}"] = field.write_item
        functions[f"read_{place}"] = field.read
        functions[f"names_{place}"] = field.names
        functions[f"batched_{place}"] = field.batched
        if _has_same_code(field.shape, level):
            _collect(field.members, places, functions, level + 1)


@lru_cache(CACHED_SHAPES)
def _factory(shapes: tuple[FieldShape, ...]) -> Callable[[Mapping[str, Any]], Write]:
    """Return the function that makes a writer of the functions of the fields."""
    generator = _Generator()
    code = "\n".join(generator.lines(shapes))
    names: dict[str, Any] = {
        "datetime": datetime,
        "write_moment": write_stored_moment,
        "write_moments": write_stored_moments,
    }
    exec(code, names)
    factory: Callable[[Mapping[str, Any]], Write] = names["make"]
    return factory


class _Generator:
    """Generates the lines of a writer.

    Moments in lists are written all at once, when everything else is there.
    """

    def __init__(self) -> None:
        self._places = count()
        self._functions: dict[str, None] = {}
        self._moments: list[tuple[int, str]] = []
        """The places and names of the fields whose moments are written at once."""

    def lines(self, shapes: Sequence[FieldShape]) -> Iterator[str]:
        body = list(self._object(shapes, "", "    ", 1, in_list=False))
        yield "def make(functions):"
        yield from (f"  {name} = functions[{name!r}]" for name in self._functions)
        yield "  def write_object(source, budget, context):"
        yield "    size, left = 0, budget.left"
        if not any(shape.key is not None for shape in shapes):
            # Fields like `__typename` read nothing of it. graphql-core raises a source that is an error.
            yield "    if source is None or isinstance(source, Exception): raise TypeError"
        for place, _ in self._moments:
            yield f"    moments_{place}, holders_{place} = [], []"
        yield from body
        for place, name in self._moments:
            yield f"    texts = write_moments(moments_{place})"
            yield f"    for holder, text in zip(holders_{place}, texts, strict=True):"
            yield f"      holder[{name!r}] = text"
        yield "    budget.take(size)"
        yield "    return data"
        yield "  return write_object"

    def _object(
        self, shapes: Sequence[FieldShape], own: str, indent: str, level: int, *, in_list: bool
    ) -> Iterator[str]:
        """Yield the lines that make `data` of `source`; both have the suffix `own`."""
        yield f"{indent}size += {sum(len(shape.name) for shape in shapes)}"
        after: list[str] = []
        items: list[str] = []
        for shape in shapes:
            place = next(self._places)
            value = f"value_{place}"
            items.append(f"{shape.name!r}: {'None' if shape.is_batched else value}")
            if shape.is_batched:
                batched = self._function("batched", place)
                after.append(
                    f"context.pending_values.write({batched}, data{own}, source{own}, budget, context)"
                )
                continue
            yield from self._value(shape, place, own, indent)
            if shape.form is LeafForm.MOMENT and in_list:
                self._moments.append((place, shape.name))
                after.append(f"if {value}.__class__ is datetime: holders_{place}.append(data{own})")
            yield from self._written(shape, place, indent, level, in_list=in_list)
        yield f"{indent}data{own} = {{{', '.join(items)}}}"
        yield from (f"{indent}{line}" for line in after)

    def _value(self, shape: FieldShape, place: int, own: str, indent: str) -> Iterator[str]:
        """Yield the line that gets the value of a field."""
        if shape.key is not None:
            # Python calls it faster than a `get` that was looked up once.
            yield f"{indent}value_{place} = source{own}.get({shape.key!r})"
        elif shape.is_read:
            yield f"{indent}value_{place} = {self._function('read', place)}(source{own}, context)"
        else:
            yield f"{indent}value_{place} = {self._function('write', place)}(source{own}, budget, context)"

    def _written(
        self, shape: FieldShape, place: int, indent: str, level: int, *, in_list: bool
    ) -> Iterator[str]:
        """Yield the lines that replace a value by what is written of it."""
        if shape.key is None and not shape.is_read:
            return
        value, write = f"value_{place}", self._function("write", place)
        condition, statements = self._usual(shape, place, indent + "  ", level, in_list=in_list)
        if condition is not None:
            yield f"{indent}if {condition}:"
            yield from statements
            yield f"{indent}{f'elif {value} is not None' if shape.is_nullable else 'else'}:"
            indent += "  "
        yield f"{indent}{value} = {write}({value}, budget, context)"

    def _usual(
        self, shape: FieldShape, place: int, indent: str, level: int, *, in_list: bool
    ) -> tuple[str | None, Sequence[str]]:
        """Return the condition under which a value is of the usual class, and what is done with it then."""
        value = f"value_{place}"
        if _has_same_code(shape, level):
            if shape.is_list:
                return f"{value}.__class__ is list", list(self._list(shape, place, indent, level))
            own = f"_{place}"
            lines = list(self._object(shape.members, own, indent, level + 1, in_list=in_list))
            source = f"{indent}source{own} = {value}"
            return _is_object(shape.members, value), [source, *lines, f"{indent}{value} = data{own}"]
        if shape.form is LeafForm.CHOICE:
            names = self._function("names", place)
            return (
                f"{value}.__class__ is str and {value} in {names}",
                [f"{indent}{value} = {names}[{value}]; size += len({value})"],
            )
        if shape.form is LeafForm.MOMENT and in_list:
            return f"{value}.__class__ is datetime", [
                f"{indent}size += {MOMENT_BYTES}; moments_{place}.append({value})"
            ]
        if shape.form is LeafForm.OTHER:
            return None, ()
        condition, statement = _FORMS[shape.form]
        return condition.format(value), [indent + statement.format(value)]

    def _list(self, shape: FieldShape, place: int, indent: str, level: int) -> Iterator[str]:
        """Yield the lines that write a list of objects."""
        own = f"_{place}"
        yield f"{indent}items{own} = []"
        yield f"{indent}for source{own} in value{own}:"
        yield f"{indent}  if {_is_object(shape.members, f'source{own}')}:"
        yield from self._object(shape.members, own, indent + "    ", level + 1, in_list=True)
        # The response may be full long before the end of the list.
        yield f"{indent}    if size > left: budget.take(size)"
        yield f"{indent}  else: data{own} = {self._function('item', place)}(source{own}, budget, context)"
        yield f"{indent}  items{own}.append(data{own})"
        yield f"{indent}value{own} = items{own}"

    def _function(self, kind: str, place: int) -> str:
        """Return the name of a function that the code uses."""
        name = f"{kind}_{place}"
        self._functions[name] = None
        return name


def _has_same_code(shape: FieldShape, level: int) -> bool:
    """Return whether the objects of a field are written by the code of its object, which is at this level."""
    return 0 < len(shape.members) <= MAX_MEMBERS and level < MAX_LEVELS


def _is_object(members: Sequence[FieldShape], value: str) -> str:
    """Return the condition under which a value is an object of the usual class.

    Only the items of dictionaries are read; other sources are read by functions.
    """
    is_dict = f"{value}.__class__ is dict"
    if any(shape.key is not None for shape in members):
        return is_dict
    return f"{is_dict} or {value}.__class__ is tuple"


_SMALL = f"size += {SMALL}"

_FORMS = {
    LeafForm.TEXT: (
        "{0}.__class__ is str",
        "size += len({0}) if {0}.isascii() else len({0}.encode())",
    ),
    # Neither infinite nor no number, whose differences from themselves are not 0.
    LeafForm.NUMBER: ("{0}.__class__ is float and {0} - {0} == 0", _SMALL),
    LeafForm.INTEGER: (f"{{0}}.__class__ is int and {-(2**31)} <= {{0}} < {2**31}", _SMALL),
    LeafForm.TRUTH: ("{0} is True or {0} is False", _SMALL),
    LeafForm.MOMENT: (
        "{0}.__class__ is datetime",
        f"{{0}} = write_moment({{0}}); size += {MOMENT_BYTES}",
    ),
}
"""The condition under which an item is of the usual class, and what is done with it then."""
