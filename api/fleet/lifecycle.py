"""The transitions of the XES lifecycle extension, and what each means for a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping

SKIPS = frozenset({"autoskip", "manualskip"})
ABORTS = frozenset({"ate_abort", "pi_abort"})

ENDS = frozenset({"complete", "withdraw"}) | SKIPS | ABORTS
"""Transitions after which a task has ended."""

STAGES = {"schedule": 0, "assign": 1, "reassign": 1, "start": 2, **dict.fromkeys(ENDS, 3)}
"""How far a transition brings a task. Other transitions and values leave it where it is."""

TRANSITIONS = frozenset({*STAGES, "suspend", "resume", "unknown"})
"""All transitions of the standard."""


def transition_of(value: str, mapping: Mapping[str, str]) -> str:
    """Return the transition of a lifecycle value in lower case; the value itself if it is none.

    `mapping` says what the values of a log stand for, by the values in lower case.
    """
    meant = mapping.get(value.lower(), value)
    return meant.lower() if meant.lower() in TRANSITIONS else meant
