"""What happens around every command."""

from __future__ import annotations

import logging

import pytest
from graphql import GraphQLError

from api.graphql.error_bodies import error_body
from domain.agents.commands import RegisterAgent
from domain.dispatch.middleware import (
    check_envelope,
    correlate,
    log_commands,
    measure_commands,
    reserve_ids,
)
from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel import Envelope, InvariantViolated, Receipt
from domain.kernel.errors import ContextFault, ValidationFailed

ENVELOPE = Envelope(RegisterAgent(name="x"))
CONTEXT = TraceContext("f" * 32, "a" * 16, 1)


async def store(envelope: Envelope) -> Receipt:
    return Receipt("cmd-1", "agent-1", 1, 1, envelope.correlation or "cmd-1")


async def refuse(envelope: Envelope) -> Receipt:
    raise InvariantViolated("no")


@pytest.mark.parametrize(
    ("envelope", "path"),
    [
        (Envelope(ENVELOPE.command, command_id=""), ("commandId",)),
        (Envelope(ENVELOPE.command, command_id="x" * 129), ("commandId",)),
        (Envelope(ENVELOPE.command, command_id="k\x1b[2J"), ("commandId",)),
        (Envelope(ENVELOPE.command, command_id="k\u202ecba"), ("commandId",)),
        (Envelope(ENVELOPE.command, command_id="k\n"), ("commandId",)),
        (Envelope(ENVELOPE.command, expected_version=-1), ("expectedVersion",)),
    ],
)
async def test_what_the_client_says_about_a_command_is_checked(
    envelope: Envelope, path: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await check_envelope(envelope, store)
    assert refused.value.path == path


async def test_no_client_takes_the_id_of_a_command_that_a_process_is_going_to_send() -> None:
    layer = reserve_ids(("policy:", "fulfilment-"))
    for command_id in ("fulfilment-order-17:4", "policy:notify:order-17:1:0"):
        with pytest.raises(ValidationFailed, match="choose another one") as refused:
            await layer(Envelope(ENVELOPE.command, command_id=command_id), store)
        assert refused.value.path == ("commandId",)
        assert await layer(Envelope(ENVELOPE.command, command_id=command_id, causation="evt-1"), store)
    for free in (None, "order-17:4", "fulfilment"):
        assert await layer(Envelope(ENVELOPE.command, command_id=free), store)


async def test_a_command_is_correlated_with_its_callers_trace_unless_it_says_otherwise() -> None:
    assert (await correlate(ENVELOPE, store)).correlation == "cmd-1"
    token = current_trace_context.set(CONTEXT)
    try:
        assert (await correlate(ENVELOPE, store)).correlation == "f" * 32
        own = Envelope(ENVELOPE.command, correlation="own")
        assert (await correlate(own, store)).correlation == "own"
    finally:
        current_trace_context.reset(token)


async def test_a_command_has_the_span_of_its_caller_unless_it_has_one() -> None:
    """So its commit says which span it comes from, also where nerve records none."""
    spans: list[bytes | None] = []

    async def note_span(envelope: Envelope) -> Receipt:
        spans.append(envelope.span)
        return await store(envelope)

    own = Envelope(ENVELOPE.command, span=b"own")
    await correlate(ENVELOPE, note_span)
    token = current_trace_context.set(CONTEXT)
    try:
        await correlate(ENVELOPE, note_span)
        await correlate(own, note_span)
    finally:
        current_trace_context.reset(token)
    assert spans == [None, CONTEXT.pack(), b"own"]


async def test_every_outcome_is_measured() -> None:
    measured: list[tuple[str, str, float]] = []

    class Meter:
        def command(self, name: str, outcome: str, seconds: float) -> None:
            measured.append((name, outcome, seconds))

    async def replay(envelope: Envelope) -> Receipt:
        return Receipt("cmd-1", "agent-1", 1, 1, "cmd-1", replayed=True)

    async def fail(envelope: Envelope) -> Receipt:
        raise RuntimeError

    times = iter(range(8))
    layer = measure_commands(Meter(), lambda: next(times))
    for following in (store, replay):
        await layer(ENVELOPE, following)
    for following, error in ((refuse, InvariantViolated), (fail, RuntimeError)):
        with pytest.raises(error):
            await layer(ENVELOPE, following)
    outcomes = ["stored", "replayed", "INVARIANT_VIOLATED", "INTERNAL"]
    assert measured == [("RegisterAgent", outcome, 1) for outcome in outcomes]


async def test_a_refusal_is_logged_without_what_the_command_says(caplog: pytest.LogCaptureFixture) -> None:
    layer = log_commands(logging.getLogger("commands"))
    with caplog.at_level(logging.DEBUG, "commands"):
        await layer(Envelope(RegisterAgent(name="a secret")), store)
        with pytest.raises(InvariantViolated):
            await layer(Envelope(RegisterAgent(name="a secret")), refuse)
    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO"]
    assert "RegisterAgent refused: INVARIANT_VIOLATED" in caplog.text
    assert "a secret" not in caplog.text


async def test_a_fault_of_a_context_is_logged_with_its_traceback_once_and_without_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault = ContextFault("Lab.decide raised KeyError for DoLab at lab/__init__.py:82")

    async def fail(envelope: Envelope) -> Receipt:
        try:
            raise KeyError("a " + "secret")
        except KeyError as error:
            raise fault from error

    layer = log_commands(logging.getLogger("commands"))
    with pytest.raises(ContextFault):
        await layer(Envelope(RegisterAgent(name="a secret")), fail)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.message.startswith(f"RegisterAgent failed: {fault}\nTraceback")
    assert "in fail" in record.message
    error_body(GraphQLError("", original_error=fault))
    assert (caplog.text.count("Traceback"), caplog.text.count(str(fault))) == (1, 2)
    assert "a secret" not in caplog.text


async def test_a_fault_outside_of_a_command_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error_body(GraphQLError("", original_error=ContextFault("Lab.evolve raised KeyError")))
    assert "Lab.evolve raised KeyError\nTraceback" in caplog.text
