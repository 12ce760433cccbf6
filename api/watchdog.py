"""A watchdog for calls of user code that block the event loop for too long.

It costs these calls nothing: a thread looks a few times a second at what the event loop's thread is running.
It does not notice a call that keeps Python's interpreter lock the whole time, as some C extensions do.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any, NamedTuple, Self

from domain.kernel.code_locations import running_location
from domain.kernel.context_calls import call_conflict_rule, call_decide, call_evolve
from domain.kernel.errors import Unavailable
from domain.process import Policy
from domain.process.keys import instance_of
from domain.process.reaction import process_of, reaction
from projections.folding.folding import RowFold
from projections.folding.parking import row_ids
from subscriptions.consumers.blocking_calls import BlockingCall

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.25
"""Seconds between two looks."""

SLOW_AFTER = 1.0
"""Seconds after which a call is logged as slow."""

BLOCKED_AFTER = 3.0
"""Seconds after which a call is reported as one that blocks the process, and then reported again."""

RULE = "this code must only calculate; it must not wait, or read anything but its arguments"


class UserCall(NamedTuple):
    """A call of user code: what is called, and what for."""

    called: str
    subject: str


def _decide(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"{type(values['state']).__name__}.decide", type(values["command"]).__name__)


def _evolve(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"{type(values['state']).__name__}.evolve", f"the event {values['event'].type!r}")


def _conflict_rule(values: Mapping[str, Any]) -> UserCall:
    rule = values["rule"]
    name = getattr(rule, "__qualname__", rule)
    return UserCall(f"the conflict rule {name!s}", type(values["command"]).__name__)


def _apply(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"apply of the view {values['self'].view.name!r}", _position(values))


def _key(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"key of the view {values['view'].name!r}", _position(values))


def _process_key(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"{values['process'].__name__}.key", _position(values))


def _process_reaction(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"{process_of(values['instance']).__name__}.react", type(values["trigger"]).__name__)


def _policy_reaction(values: Mapping[str, Any]) -> UserCall:
    return UserCall(f"react of the policy {values['self'].name!r}", _position(values))


def _position(values: Mapping[str, Any]) -> str:
    event = values["event"]
    return f"the event {event.type!r} at position {event.position}"


CALLERS: Mapping[CodeType, Callable[[Mapping[str, Any]], UserCall]] = {
    call_decide.__code__: _decide,
    call_evolve.__code__: _evolve,
    call_conflict_rule.__code__: _conflict_rule,
    RowFold.take.__code__: _apply,
    row_ids.__code__: _key,
    instance_of.__code__: _process_key,
    reaction.__code__: _process_reaction,
    Policy.commands.__code__: _policy_reaction,
}
"""The functions that call user code, and the description of such a call by their local variables."""


class CallWatchdog:
    """Watches the calls of the thread that enters it.

    A call of more than `slow_after` seconds is logged, once for each name. After `blocked_after` seconds it
    is logged as one that blocks the process, and `on_blocked` is called with it, again each time that so
    many seconds have passed, from the watchdog's thread.
    """

    def __init__(
        self,
        on_blocked: Callable[[BlockingCall], None] = lambda call: None,
        *,
        look_every: float = LOOK_EVERY,
        slow_after: float = SLOW_AFTER,
        blocked_after: float = BLOCKED_AFTER,
    ) -> None:
        self._on_blocked = on_blocked
        self._look_every = look_every
        self._slow_after = slow_after
        self._blocked_after = blocked_after
        self._logged: set[str] = set()
        self._caller: FrameType | None = None
        self._since = 0.0
        self._reports = 0
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        watched = threading.get_ident()
        self._thread = threading.Thread(target=self._run, args=(watched,), name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self, watched: int) -> None:
        while not self._stopped.wait(self._look_every):
            self.look(_frame_of(watched))

    def look(self, frame: FrameType | None) -> None:
        """Look at the frame that a thread is running, and report its call of user code if it is too long."""
        inner: list[FrameType] = []
        while frame is not None and frame.f_code not in CALLERS:
            inner.append(frame)
            frame = frame.f_back
        if frame is None or frame is not self._caller:
            self._caller, self._since, self._reports = frame, time.monotonic(), 0
            return
        seconds = time.monotonic() - self._since
        if seconds < self._slow_after:
            return
        call = CALLERS[frame.f_code](frame.f_locals)
        self._report(BlockingCall(*call, running_location([frame, *reversed(inner)]), seconds))

    def _report(self, call: BlockingCall) -> None:
        if call.called not in self._logged:
            self._logged.add(call.called)
            logger.warning("%s; %s", call, RULE)
        if call.seconds < (self._reports + 1) * self._blocked_after:
            return
        if not self._reports:
            logger.error("%s, and blocks this process; %s", call, RULE)
        self._reports += 1
        try:
            self._on_blocked(call)
        except Unavailable as error:
            logger.warning("the blocking call is not recorded: %s", error)


def _frame_of(thread: int) -> FrameType | None:
    """Return the frame that a thread is running.

    In Python 3.11 a garbage collection that begins inside this call of `sys` can stop the whole process
    for ever (https://github.com/python/cpython/issues/106883), so none may begin there.
    """
    is_collected = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(thread)
    finally:
        if is_collected:
            gc.enable()
