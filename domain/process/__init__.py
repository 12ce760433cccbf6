"""What processes are declared with: reactions, effects as values, the state of an instance. Pure.

It imports the kernel and nothing else of the project. Everything but the kernel may import it.
"""

from domain.process.context import process_context
from domain.process.effects import (
    Call,
    CancelDeadline,
    Compensate,
    Complete,
    Dispatch,
    Effect,
    Fail,
    SetDeadline,
    StartProcess,
)
from domain.process.outcomes import (
    CallFailed,
    CallReplied,
    CallTimedOut,
    CommandDone,
    CommandRefused,
    DeadlineReached,
    EffectSkipped,
    Outcome,
    ProcessEnded,
    ProcessRequested,
)
from domain.process.policy import Policy
from domain.process.ports import Reply, Request
from domain.process.process import Process, ProcessFacts, Reaction, StartAt
from domain.process.saga import Saga
from domain.process.step import Step

__all__ = [
    "Call",
    "CallFailed",
    "CallReplied",
    "CallTimedOut",
    "CancelDeadline",
    "CommandDone",
    "CommandRefused",
    "Compensate",
    "Complete",
    "DeadlineReached",
    "Dispatch",
    "Effect",
    "EffectSkipped",
    "Fail",
    "Outcome",
    "Policy",
    "Process",
    "process_context",
    "ProcessEnded",
    "ProcessFacts",
    "ProcessRequested",
    "Reaction",
    "Reply",
    "Request",
    "Saga",
    "SetDeadline",
    "StartAt",
    "StartProcess",
    "Step",
]
