"""Writers of objects, generated as Python code: a loop over the fields would cost more than writing them.

Of the selection, the code has the names and keys of fields as literals, and nothing else. Objects of equal
shapes share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from api.encoding import write_stored_moment
from api.graphql.execution.leaf_forms import LeafForm
from api.limits.byte_budget import SMALL, ByteBudget

Write = Callable[[Any, ByteBudget, Any], Any]
"""Returns what a response has of a value; the last argument is the context of the request.

Of an object's field the value is the object. It raises any exception where graphql-core has to write the
value: what was spent of the budget must be given back then.
"""

CACHED_SHAPES = 1_000
MOMENT_BYTES = 24


class FieldShape(NamedTuple):
    """What the code of an object has of a field: its name, the key of its item, and the item's form.

    Without a key the writer gets the object itself.
    """

    name: str
    key: str | None
    form: LeafForm


def generate_writer(shapes: Sequence[FieldShape], writes: Sequence[Write]) -> Write:
    """Return the writer of objects with fields of these shapes.

    Items that are not of the usual class of their form are written by the function of their field.
    """
    write: Write = _factory(tuple(shapes))(*writes)
    return write


@lru_cache(CACHED_SHAPES)
def _factory(shapes: tuple[FieldShape, ...]) -> Callable[..., Write]:
    """Return the function that makes a writer of the writers of the fields."""
    names: dict[str, Any] = {"datetime": datetime, "write_moment": write_stored_moment}
    exec("\n".join(_lines(shapes)), names)
    factory: Callable[..., Write] = names["make"]
    return factory


def _lines(shapes: Sequence[FieldShape]) -> Iterator[str]:
    writes = ", ".join(f"write_{place}" for place in range(len(shapes)))
    yield f"def make({writes}):"
    yield "  def write_object(source, budget, context):"
    yield f"    get, size = source.get, {sum(len(shape.name) for shape in shapes)}"
    for place, shape in enumerate(shapes):
        yield from _field_lines(place, shape)
    yield "    budget.take(size)"
    items = (f"{shape.name!r}: value_{place}" for place, shape in enumerate(shapes))
    yield f"    return {{{', '.join(items)}}}"
    yield "  return write_object"


def _field_lines(place: int, shape: FieldShape) -> Iterator[str]:
    value = f"value_{place}"
    if shape.key is None:
        yield f"    {value} = write_{place}(source, budget, context)"
        return
    yield f"    {value} = get({shape.key!r})"
    if shape.form is LeafForm.OTHER:
        yield f"    {value} = write_{place}({value}, budget, context)"
        return
    condition, statement = _FORMS[shape.form]
    yield f"    if {condition.format(value)}: {statement.format(value)}"
    yield f"    else: {value} = write_{place}({value}, budget, context)"


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
