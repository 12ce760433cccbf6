"""Effects that call outside ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pydantic import ValidationError

from domain.kernel.errors import UnfitValue
from domain.process.events import CallRequested, CallSucceeded, CallWasRefused, CallWasTimedOut
from domain.process.inputs import from_json, to_json
from domain.process.outcomes import CallFailed, CallReplied, CallTimedOut
from domain.process.personal_values import at_paths, reply_subjects
from domain.process.ports import reply_class
from domain.process.settlements import request_class
from subscriptions.feed.background import Backoff
from subscriptions.processes.circuits import CircuitOpen, PortCircuit
from subscriptions.processes.erased_data import (
    PersonalDataErased,
    check_personal_data,
    storable_message,
)
from subscriptions.processes.held_work import HeldWork
from subscriptions.processes.open_work import Work
from subscriptions.processes.outcome_recorder import OutcomeRecorder
from subscriptions.processes.ports import PortRefused, PortUnavailable, ProcessMeter

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most."""

MAX_ERROR = 500
"""Most characters of the error of an attempt that are kept."""

UNFIT = "DOES_NOT_FIT"
"""The code of a request or a reply that does not fit its class."""


class CallEffects:
    """Calls outside ports for the instances of a process.

    `now` returns the time by the server's clock.
    """

    def __init__(
        self,
        circuits: Mapping[str, PortCircuit],
        recorder: OutcomeRecorder,
        meter: ProcessMeter,
        now: Callable[[], datetime],
    ) -> None:
        self._circuits = circuits
        self._recorder = recorder
        self._meter = meter
        self._now = now

    async def run(self, held: HeldWork, event: CallRequested) -> Work | None:
        """Call the port once, and record the outcome. Without one, return the work for another attempt."""
        work = held.work
        attempts = work.attempts + 1
        if event.due is not None and event.due <= self._now():
            timed_out = CallWasTimedOut(effect=work.id, attempts=work.attempts)
            await self._recorder.record(held, timed_out, CallTimedOut(event.name))
            self._recorder.measure(held, "call", "TIMED_OUT")
            return None
        try:
            check_personal_data(event)
            request = from_json(request_class(event.port, event.request), event.input)
            key = f"{work.instance.tenant}/{work.id}"
            reply = from_json(reply_class(type(request)), await self._circuit(event.port).call(key, request))
            personal = reply_subjects(reply, request)
        except PersonalDataErased as erased:
            await self._fail(held, event, erased.code, erased, work.attempts)
        except PortUnavailable as error:
            return self._again(work, event, error)
        except PortRefused as refusal:
            await self._fail(held, event, refusal.reason, refusal, attempts)
        except (UnfitValue, ValidationError) as error:
            misfit = UnfitValue(f"the request {event.request} or its reply does not fit its class: {error}")
            await self._fail(held, event, UNFIT, misfit, attempts)
        else:
            replied = CallSucceeded(
                effect=work.id,
                reply=to_json(reply),
                attempts=attempts,
                personal=at_paths(reply=personal),
            )
            await self._recorder.record(held, replied, CallReplied(event.name, reply, personal))
            self._recorder.measure(held, "call")
        return None

    def _circuit(self, port: str) -> PortCircuit:
        try:
            return self._circuits[port]
        except KeyError:
            raise PortUnavailable(f"no adapter is configured for the port {port}") from None

    def _again(self, work: Work, event: CallRequested, error: PortUnavailable) -> Work:
        self._meter.retry(work.instance.category, "call")
        pause = Backoff(cap=LONGEST_PAUSE, failures=work.attempts).pause() + (error.retry_after or 0.0)
        attempts = work.attempts + (not isinstance(error, CircuitOpen))
        due = self._now() + timedelta(seconds=pause)
        message = storable_message(event, error)[:MAX_ERROR]
        return work._replace(due=min(due, event.due or due), attempts=attempts, error=message)

    async def _fail(
        self, held: HeldWork, event: CallRequested, code: str, error: Exception, attempts: int
    ) -> None:
        message = storable_message(event, error)
        refused = CallWasRefused(effect=held.work.id, code=code, message=message, attempts=attempts)
        await self._recorder.record(held, refused, CallFailed(event.name, code, message))
        self._recorder.measure(held, "call", code)
