"""Three-way merge of JSON: two edits of one value become one, and rules decide where they clash. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from domain.documents.json_pointer import Path, pointer
from domain.documents.merging import is_same_json
from domain.kernel.errors import ConcurrencyConflict

ABSENT: Final[Any] = object()
"""In place of a member that an object does not have."""


class MergeRule(StrEnum):
    """What becomes of a member that both sides have changed, each to another value.

    REFUSE: the whole merge is refused. THEIRS: the stored value stays. YOURS: the value of the command
    replaces it. UNITE: a list has the items that either side added, and lacks those that either removed;
    a value that is no list is refused.
    """

    REFUSE = "REFUSE"
    THEIRS = "THEIRS"
    YOURS = "YOURS"
    UNITE = "UNITE"


class MergeConflict(ConcurrencyConflict):
    """Both sides have changed the same members of a document, and no rule decides; nothing was stored."""

    def __init__(self, stream: str, base: int, actual: int, conflicts: Sequence[Path]) -> None:
        super().__init__(stream, base, actual)
        self.paths = [pointer(path) for path in conflicts]

    def __str__(self) -> str:
        return (
            f"{', '.join(self.paths)} of {self.stream} changed since version {self.expected}, in another way "
            f"than here; merge again with a rule for them, or edit version {self.actual}"
        )

    def details(self) -> dict[str, Any]:
        return {**super().details(), "paths": self.paths}


@dataclass(frozen=True, slots=True)
class MergeRules:
    """The rule of each member: that of the longest path in `by_path` that leads to it, else `default`."""

    default: MergeRule
    by_path: Mapping[Path, MergeRule]

    def at(self, path: Path) -> MergeRule:
        """Return the rule of the member at this path."""
        prefixes = (path[:length] for length in range(len(path), -1, -1))
        return next((self.by_path[prefix] for prefix in prefixes if prefix in self.by_path), self.default)


class Merge(NamedTuple):
    """The merged value, and the paths where the merge is refused: there it has the value of their side."""

    value: Any
    conflicts: Sequence[Path]


def merge_edits(base: Any, theirs: Any, yours: Any, rules: MergeRules) -> Merge:
    """Merge two edits of `base`, member by member.

    A member that one side changed gets the value of that side. Where both changed it to different values,
    members of objects are merged in turn, and for any other value its rule decides.
    """
    merger = _Merger(rules)
    return Merge(merger.merge(base, theirs, yours, ()), tuple(merger.conflicts))


class _Merger:
    def __init__(self, rules: MergeRules) -> None:
        self._rules = rules
        self.conflicts: list[Path] = []

    def merge(self, base: Any, theirs: Any, yours: Any, path: Path) -> Any:
        if _is_same(yours, theirs) or _is_same(yours, base):
            return theirs
        if _is_same(theirs, base):
            return yours
        if isinstance(theirs, dict) and isinstance(yours, dict):
            return self._merge_members(base if isinstance(base, dict) else {}, theirs, yours, path)
        return self._by_rule(base, theirs, yours, path)

    def _merge_members(
        self, base: dict[str, Any], theirs: dict[str, Any], yours: dict[str, Any], path: Path
    ) -> dict[str, Any]:
        names = dict.fromkeys((*theirs, *yours))
        members = {
            name: self.merge(
                base.get(name, ABSENT), theirs.get(name, ABSENT), yours.get(name, ABSENT), (*path, name)
            )
            for name in names
        }
        return {name: value for name, value in members.items() if value is not ABSENT}

    def _by_rule(self, base: Any, theirs: Any, yours: Any, path: Path) -> Any:
        rule = self._rules.at(path)
        if rule is MergeRule.YOURS:
            return yours
        if rule is MergeRule.UNITE and isinstance(theirs, list) and isinstance(yours, list):
            return _united(base if isinstance(base, list) else [], theirs, yours)
        if rule is not MergeRule.THEIRS:
            self.conflicts.append(path)
        return theirs


def _is_same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return is_same_json(one, other)


def _united(base: list[Any], theirs: list[Any], yours: list[Any]) -> list[Any]:
    """Return their items but those that you removed, then the items that you added."""
    in_base, in_theirs, in_yours = (set(map(_identity, items)) for items in (base, theirs, yours))
    removed, present = in_base - in_yours, in_base | in_theirs
    remaining = [item for item in theirs if _identity(item) not in removed]
    return remaining + [item for item in yours if _identity(item) not in present]


def _identity(value: Any) -> Hashable:
    """Return a value that equals that of the same JSON alone; true is not 1, and 1 is 1.0."""
    match value:
        case bool():
            return bool, value
        case dict():
            return dict, frozenset((name, _identity(item)) for name, item in value.items())
        case list():
            return list, tuple(map(_identity, value))
    scalar: Hashable = value
    return scalar
