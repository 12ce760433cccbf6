"""Limits of the command bus. The defaults suit production; tests use smaller ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """How much a bus accepts at one stream."""

    waiting: int = 10_000
    """Commands that may wait for their turn at one stream; further ones are refused with Overloaded."""
    events_since: int = 1_000
    """Events that a conflict rule may inspect; a client that is further behind gets a conflict."""
    decisions: int = 32
    """Decisions of one command at most, while other processes keep appending to its stream.

    Each failed attempt is another process's success, and a process that must read first fails several times
    in a row against one that need not.
    """


DEFAULT_LIMITS = DispatchLimits()
