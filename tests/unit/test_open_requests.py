"""What an effect of an instance asks for at the time at which it is run."""

from __future__ import annotations

from domain.process import CallTimedOut
from domain.process.commands import RetryProcess
from domain.process.events import CallRequested, CallWasTimedOut
from subscriptions.processes.effect_runner import open_request
from tests.helpers.errands import Careless, ErrandGiven
from tests.helpers.instances import InstanceLog, recorded


def test_a_call_that_a_person_retries_is_open_again_without_a_time_limit() -> None:
    log = InstanceLog(Careless)
    log.deliver(ErrandGiven(key="1", script=["ask shop"]))
    (effect,) = log.kept.pending
    request = log.events[-1]
    assert isinstance(request, CallRequested)
    event = recorded(request, "careless-1", 3, 1)
    first = open_request(log.kept, effect, event)
    assert first is not None
    assert first.event == request
    log.settle(CallWasTimedOut(effect=effect), CallTimedOut("shop"))
    assert open_request(log.kept, effect, event) is None, "the instance is stuck"
    log.operate(RetryProcess(id="careless-1", reason="mended"))
    again = open_request(log.kept, effect, event)
    assert again is not None
    assert again.event == request.model_copy(update={"due": None})
