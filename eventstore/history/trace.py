"""The trace of a correlation: its commands, events, effects, outcomes and reactions as a tree.

Nodes are made of one event at a time, so that a page and a live subscription make the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from domain.kernel import CommitInfo, RecordedEvent
from domain.process.effect_ids import effect_id
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    DeadlinePassed,
    DeadlineSet,
    ProcessReacted,
    ProcessStarted,
    ProcessStuck,
)
from eventstore.log import EventLog
from eventstore.reading.event_query import EventQuery

MAX_EVENTS = 1_000
"""Events of one page of a trace."""

_EFFECT_ID = re.compile(r"([a-z]+)-.*(:[0-9]+|~[0-9a-f]+)", re.DOTALL)


class TraceKind(StrEnum):
    """What a node of a trace is.

    COMMAND: a command that was stored. EVENT: an event of a commit. REACTION: a process reacted to an event,
    or was started by another process. EFFECT: a process asked for a command, a call, a process or a
    deadline. OUTCOME: the outcome of an effect, and the reaction to it.
    """

    COMMAND = "COMMAND"
    EVENT = "EVENT"
    REACTION = "REACTION"
    EFFECT = "EFFECT"
    OUTCOME = "OUTCOME"


class TraceNode(NamedTuple):
    """A node; `parent` is the id of the node that caused it, None for a root.

    The id of an EVENT is that of the event, the id of an EFFECT that of the effect; all others begin with
    ``command:`` and have the id of the command. `detail` is the type of the event of a reaction, the command,
    request or process of an effect, and the error's code of an outcome. `event` is None for a COMMAND and a
    REACTION, which stand for the whole commit.
    """

    id: str
    parent: str | None
    kind: TraceKind
    name: str
    detail: str | None
    commit: CommitInfo
    event: RecordedEvent | None


class TracePage(NamedTuple):
    """Nodes in the order of the log, parents first; `truncated` tells whether more follow `position`."""

    nodes: Sequence[TraceNode]
    position: int
    truncated: bool


async def read_trace(
    log: EventLog,
    processes: Collection[str],
    tenant: str,
    correlation: str,
    after: int = 0,
    limit: int = MAX_EVENTS,
) -> TracePage:
    """Return the nodes of the tenant's next commits with this correlation id, of `limit` events or a commit.

    `processes` are the categories of processes. Raises Unavailable.
    """
    events = await log.search(tenant, EventQuery(correlation=correlation), after, limit + 1)
    truncated = len(events) > limit
    kept = _whole_commits(events, limit) if truncated else events
    nodes = [node for event in kept for node in nodes_of(event, processes)]
    return TracePage(nodes, kept[-1].position if kept else after, truncated)


def nodes_of(event: RecordedEvent, processes: Collection[str]) -> Sequence[TraceNode]:
    """Return the nodes that an event adds: its own, and before the first of a commit that of the commit."""
    commit_id = f"command:{event.commit.command_id}"
    own = _own_node(event, commit_id)
    nodes = () if own is None else (own,)
    return nodes if event.place else (_commit_node(event, commit_id, processes), *nodes)


def _whole_commits(events: Sequence[RecordedEvent], limit: int) -> Sequence[RecordedEvent]:
    """Return the first commits with at most `limit` events, and at least one commit."""
    kept: list[RecordedEvent] = []
    for _, commit in groupby(events, key=lambda event: event.position):
        more = list(commit)
        if kept and len(kept) + len(more) > limit:
            break
        kept += more
    return kept


def _commit_node(event: RecordedEvent, id: str, processes: Collection[str]) -> TraceNode:
    """Return the node of the commit whose first event this is."""
    info = event.commit
    match event.payload:
        case ProcessStarted(parent_effect=effect):
            return TraceNode(
                id, effect or info.causation, TraceKind.REACTION, info.category, None, info, None
            )
        case ProcessReacted(to=to):
            return TraceNode(id, info.causation, TraceKind.REACTION, info.category, to, info, None)
        case ProcessStuck():
            return TraceNode(id, info.causation, TraceKind.REACTION, info.category, None, info, None)
    if (outcome := _outcome(event)) is not None:
        effect, name, detail = outcome
        return TraceNode(id, effect, TraceKind.OUTCOME, name, detail, info, event)
    parent = info.command_id if _is_effect_id(info.command_id, processes) else info.causation
    return TraceNode(id, parent, TraceKind.COMMAND, info.command, None, info, None)


def _own_node(event: RecordedEvent, commit_id: str) -> TraceNode | None:
    """Return the node of the event itself; None where the node of the commit stands for it."""
    info = event.commit
    effect = effect_id(info.stream, event.version)
    match event.payload:
        case ProcessStarted() | ProcessReacted():
            return None
        case CommandRequested(name=name, command=operation) | CallRequested(name=name, request=operation):
            return TraceNode(effect, commit_id, TraceKind.EFFECT, name, operation, info, event)
        case ChildRequested(name=name, process=process):
            return TraceNode(effect, commit_id, TraceKind.EFFECT, name, process, info, event)
        case DeadlineSet(name=name):
            return TraceNode(effect, commit_id, TraceKind.EFFECT, name, "deadline", info, event)
    if (outcome := _outcome(event)) is None:
        return TraceNode(event.id, commit_id, TraceKind.EVENT, event.type, None, info, event)
    settled, became, detail = outcome
    return (
        TraceNode(event.id, settled, TraceKind.OUTCOME, became, detail, info, event) if event.place else None
    )


def _outcome(event: RecordedEvent) -> tuple[str, str, str | None] | None:
    """Return the effect whose outcome the event records, what became of it, and the code of an error."""
    match event.payload:
        case CommandSucceeded(effect=effect) | CallSucceeded(effect=effect):
            return effect, "done", None
        case CommandWasRefused(effect=effect, code=code) | CallWasRefused(effect=effect, code=code):
            return effect, "refused", code
        case CallWasTimedOut(effect=effect):
            return effect, "timed out", None
        case ChildEnded(effect=effect, status=status):
            return effect, status.lower(), None
        case DeadlinePassed(effect=effect):
            return effect, "reached", None
    return None


def _is_effect_id(command_id: str, processes: Collection[str]) -> bool:
    match = _EFFECT_ID.fullmatch(command_id)
    return match is not None and match[1] in processes
