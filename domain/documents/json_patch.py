"""JSON Patch (RFC 6902) on the content of a document. Pure.

Written here because the library that its tests compare it with takes true for 1, and bounds nothing: a few
steps that copy a value into itself make it too large for any memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from domain.documents.json_pointer import Path, pointer, read_pointer
from domain.documents.merging import is_same_json
from domain.kernel import InvariantViolated
from domain.kernel.fields import MAX_JSON_DEPTH

MAX_STEPS = 1_000
MAX_COPIED = 1_000_000
"""Characters and values that the steps of one patch may copy and move."""

_INDEX = re.compile(r"0|[1-9][0-9]*")


class PatchStep(NamedTuple):
    """One operation of a patch. `source` is the `from` of move and copy; `number` counts from 1."""

    number: int
    operation: str
    path: Path
    source: Path
    value: JsonValue

    def fail(self, reason: str) -> InvariantViolated:
        """The error of a step that cannot be done."""
        return InvariantViolated(
            f"step {self.number} of the patch, {self.operation} {pointer(self.path)!r}: {reason}"
        )


def read_steps(patch: Sequence[JsonValue]) -> list[PatchStep]:
    """The steps of a patch; raises ValueError where it is none.

    A step is an operation of RFC 6902, or a `Change` as the query `diff` returns it: `operation` and `after`
    mean `op` and `value`, and operations may be in upper case.
    """
    if len(patch) > MAX_STEPS:
        raise ValueError(f"must have {MAX_STEPS} steps at most")
    return [_read(number, step) for number, step in enumerate(patch, 1)]


def apply_steps(content: JsonValue, steps: Sequence[PatchStep]) -> JsonValue:
    """The content after the steps; raises InvariantViolated where one of them cannot be done."""
    holder: dict[str, Any] = {"": _Copier().copy(content, 0)}
    copier = _Copier(MAX_COPIED)
    for step in steps:
        _OPERATIONS[step.operation](holder, step, copier)
    result: JsonValue = holder[""]
    return result


def changed_paths(steps: Sequence[PatchStep]) -> Iterator[Path]:
    """The places of the content that the steps change."""
    for step in steps:
        if step.operation != "test":
            yield step.path
        if step.operation == "move":
            yield step.source


def _read(number: int, step: JsonValue) -> PatchStep:
    if not isinstance(step, dict):
        raise ValueError(
            f'must have steps such as {{"op": "remove", "path": "/name"}}; step {number} is none'
        )
    operation = step.get("op", step.get("operation"))
    name = operation.lower() if isinstance(operation, str) else None
    if name not in _OPERATIONS:
        raise ValueError(
            f"must have steps with an op of {', '.join(_OPERATIONS)}; step {number} has {operation!r:.100}"
        )
    source: Path = ()
    value: JsonValue = None
    if name in ("move", "copy"):
        source = _read_pointer(step.get("from"), "from", number)
    elif name != "remove":
        given = "value" if "value" in step else "after"
        if given not in step:
            raise ValueError(f"must have a value for each {name}; step {number} has none")
        value = step[given]
    return PatchStep(number, name, _read_pointer(step.get("path"), "path", number), source, value)


def _read_pointer(text: JsonValue, name: str, number: int) -> Path:
    """Return the parts of the pointer in a step; raise ValueError where it is none."""
    path = read_pointer(text)
    if path is None:
        raise ValueError(
            f"must have a JSON Pointer such as '/name/0' as the {name} of each step; step {number} has "
            f"{text!r:.100}"
        )
    return path


class _Copier:
    """Copies values, within bounds on what is copied in all and on how deep the result is nested."""

    def __init__(self, limit: int | None = None) -> None:
        self._left = limit

    def copy(self, value: JsonValue, depth: int) -> Any:
        """A copy, to stand so deep in the content; raises _TooMuch."""
        if depth > MAX_JSON_DEPTH:
            raise _TooMuch(f"the content would be nested more than {MAX_JSON_DEPTH} deep")
        self._spend(1 + len(value) if isinstance(value, str) else 1)
        if isinstance(value, dict):
            self._spend(sum(map(len, value)))
            return {name: self.copy(item, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        return value

    def _spend(self, weight: int) -> None:
        if self._left is not None:
            self._left -= weight
            if self._left < 0:
                raise _TooMuch("the patch copies more than it may")


class _TooMuch(Exception):
    pass


def _place(step: PatchStep, copier: _Copier, value: JsonValue) -> Any:
    try:
        return copier.copy(value, len(step.path))
    except _TooMuch as error:
        raise step.fail(str(error)) from None


def _parent(holder: dict[str, Any], path: Path, step: PatchStep) -> tuple[Any, str]:
    """What holds the value at the path, and its name there; the whole content is named ''."""
    if not path:
        return holder, ""
    parent = holder[""]
    for part in path[:-1]:
        parent = _get(parent, part, step)
    return parent, path[-1]


def _get(parent: Any, name: str, step: PatchStep) -> Any:
    if isinstance(parent, dict) and name in parent:
        return parent[name]
    if isinstance(parent, list):
        return parent[_index(name, len(parent) - 1, step)]
    raise step.fail(f"the content has no {name!r} there")


def _index(name: str, last: int, step: PatchStep) -> int:
    if not _INDEX.fullmatch(name):
        raise step.fail(f"{name!r} is no index of a list")
    if len(name) > 9 or int(name) > last:
        raise step.fail(f"the list has no item {name}")
    return int(name)


def _add_value(holder: dict[str, Any], step: PatchStep, value: Any) -> None:
    parent, name = _parent(holder, step.path, step)
    if isinstance(parent, dict):
        parent[name] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if name == "-" else _index(name, len(parent), step), value)
    else:
        raise step.fail("neither an object nor a list is there")


def _take(holder: dict[str, Any], path: Path, step: PatchStep) -> Any:
    if not path:
        raise step.fail("the whole content cannot be taken away")
    parent, name = _parent(holder, path, step)
    value = _get(parent, name, step)
    del parent[int(name) if isinstance(parent, list) else name]
    return value


def _add(holder: dict[str, Any], step: PatchStep, _copier: _Copier) -> None:
    # The values of a patch are as many as it has: they count for no bound.
    _add_value(holder, step, _place(step, _Copier(), step.value))


def _remove(holder: dict[str, Any], step: PatchStep, _copier: _Copier) -> None:
    _take(holder, step.path, step)


def _replace(holder: dict[str, Any], step: PatchStep, _copier: _Copier) -> None:
    parent, name = _parent(holder, step.path, step)
    _get(parent, name, step)
    parent[int(name) if isinstance(parent, list) else name] = _place(step, _Copier(), step.value)


def _move(holder: dict[str, Any], step: PatchStep, copier: _Copier) -> None:
    if step.path[: len(step.source)] == step.source and step.path != step.source:
        raise step.fail("a value cannot be moved into itself")
    if step.path == step.source:
        _get(*_parent(holder, step.source, step), step)
        return
    _add_value(holder, step, _place(step, copier, _take(holder, step.source, step)))


def _copy(holder: dict[str, Any], step: PatchStep, copier: _Copier) -> None:
    value = _get(*_parent(holder, step.source, step), step)
    _add_value(holder, step, _place(step, copier, value))


def _test(holder: dict[str, Any], step: PatchStep, _copier: _Copier) -> None:
    if not is_same_json(_get(*_parent(holder, step.path, step), step), step.value):
        raise step.fail("the content has another value there")


_OPERATIONS: dict[str, Callable[[dict[str, Any], PatchStep, _Copier], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
