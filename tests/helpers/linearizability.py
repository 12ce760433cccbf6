"""Whether a history of reads and writes of one register is linearizable.

The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of
what was tried ("Testing for Linearizability", 2017), as Horn and Kroening describe it ("Faster
Linearizability Checking via P-Compositionality", 2015).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Operation(NamedTuple):
    """A write of a value, or a read that returned it. It took effect between two times."""

    began: float
    ended: float
    value: Hashable
    is_write: bool = False


@dataclass(eq=False, slots=True)
class _Entry:
    """The call or the return of an operation, in a linked list in the order of time."""

    index: int
    operation: Operation
    returned: _Entry | None = None
    """The entry of the return; None if this is it."""
    before: _Entry | None = None
    after: _Entry | None = None

    def unlink(self) -> None:
        """Take the call and its return out of the list."""
        assert self.returned is not None
        for entry in (self, self.returned):
            assert entry.before is not None
            entry.before.after = entry.after
            if entry.after is not None:
                entry.after.before = entry.before

    def relink(self) -> None:
        """Undo `unlink`."""
        assert self.returned is not None
        for entry in (self.returned, self):
            assert entry.before is not None
            entry.before.after = entry
            if entry.after is not None:
                entry.after.before = entry


def is_linearizable(history: Sequence[Operation], initial: Hashable = None) -> bool:
    """Return whether each operation can have taken effect at one moment between its begin and its end.

    The register has the value `initial` before the history.
    """
    head, value, done = _linked(history), initial, 0
    tried: set[tuple[int, Hashable]] = set()
    effects: list[tuple[_Entry, Hashable]] = []
    entry = head.after
    while head.after is not None:
        assert entry is not None, "the last entry is a return"
        if entry.returned is None:
            # An operation ended before the one that would have to follow it.
            if not effects:
                return False
            entry, value = effects.pop()
            done ^= 1 << entry.index
            entry.relink()
            entry = entry.after
            continue
        operation, with_it = entry.operation, done | 1 << entry.index
        fits = operation.is_write or operation.value == value
        if fits and (with_it, operation.value) not in tried:
            tried.add((with_it, operation.value))
            effects.append((entry, value))
            value, done = operation.value, with_it
            entry.unlink()
            entry = head.after
        else:
            entry = entry.after
    return True


def _linked(history: Sequence[Operation]) -> _Entry:
    """Return the head of the list of all calls and returns; of equal times, calls are first."""
    times: list[tuple[float, bool, _Entry]] = []
    for index, operation in enumerate(history):
        returned = _Entry(index, operation)
        times.append((operation.began, False, _Entry(index, operation, returned)))
        times.append((operation.ended, True, returned))
    times.sort(key=lambda item: item[:2])
    head = last = _Entry(-1, Operation(0, 0, None))
    for _, _, entry in times:
        last.after, entry.before = entry, last
        last = entry
    return head
