"""The checks of `nerve doctor` of the log, of what follows it, and of what waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.doctor import consumer_checks, failure_checks, log_checks
from api.doctor.findings import ok
from api.settings import Settings
from eventstore.archiving.segments import Segment
from eventstore.integrity.blocks import Block
from eventstore.mongo.log_collections import INDEXES
from projections.querying.deployment_rows import TenantRows
from subscriptions.consumers.blocking_calls import BlockingCall
from subscriptions.consumers.failures import FailedAttempt, Failure, FailureHistory
from subscriptions.consumers.state import (
    WHOLE,
    ConsumerState,
    Generation,
    GenerationState,
    PartitionState,
)
from subscriptions.publishing.deliveries import DeadLetterCount

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_missing_indexes_are_named() -> None:
    present: dict[str, Any] = {index.name: {} for index in INDEXES}
    assert log_checks.check_indexes(present).sign == "ok"
    del present["by_type"]
    assert log_checks.check_indexes(present).sentence.startswith("by_type missing; ")


def test_events_that_cannot_be_read_and_a_time_to_come_are_wrong() -> None:
    assert log_checks.check_readable([]).sign == "ok"
    assert log_checks.check_readable(["task.x is unknown"]).sign == "fail"
    ends = (None, {"_id": 7, "at": AT}, {"_id": 7, "at": AT + timedelta(hours=1)})
    assert [log_checks.check_end(end, AT).sign for end in ends] == ["ok", "ok", "fail"]


def test_a_log_that_nobody_seals_is_weak() -> None:
    block = Block(12, 11_001, 12_000, b"", b"")
    findings = [
        log_checks.check_seal(None, None, 999),
        log_checks.check_seal(block, AT, 12_100),
        log_checks.check_seal(block, None, 30_000),
        log_checks.check_seal(None, None, 30_000),
    ]
    assert [finding.sign for finding in findings] == ["ok", "ok", "warn", "warn"]
    assert "12,000, recorded 2026-01-01 00:00:00 UTC; 100 later ones" in findings[1].text


def test_archived_commits_without_their_store_and_an_archive_that_is_late_are_found() -> None:
    segment = Segment(1, 1, 10_000, 9, 9, "", "name", AT)
    store: dict[str, Any] = {"archive_url": "s3://bucket", "archive_after": timedelta(days=30)}
    cases: list[tuple[dict[str, Any], Segment | None, int | None, str]] = [
        ({}, None, None, "ok"),
        ({}, segment, None, "fail"),
        (store, segment, None, "ok"),
        (store, segment, 30, "ok"),
        (store, segment, 35, "warn"),
        (store, None, 35, "warn"),
    ]
    for values, newest, days, sign in cases:
        end_of_next = None if days is None else AT - timedelta(days=days)
        assert log_checks.check_archive(Settings(**values), newest, end_of_next, AT).sign == sign


def _state(
    position: int,
    failing: FailureHistory | None = None,
    held: bool = False,
    blocked: BlockingCall | None = None,
    owner: str | None = None,
) -> ConsumerState:
    def generation(number: int, state: GenerationState) -> Generation:
        partition = PartitionState(WHOLE, position, 0, 1, owner, None, 0.0, failing, blocked)
        return Generation(number, state, "code", AT, (partition,), {})

    generations = {1: generation(1, GenerationState.ACTIVE)}
    if held:
        generations[2] = generation(2, GenerationState.HELD)
    return ConsumerState("view.tasks", 1, 2, 1, generations, ())


NEVER = ConsumerState.from_document("view.tasks", None)
FAILING = FailureHistory(3, *[FailedAttempt(Failure("ValueError", "raised at x.py:1"), AT)] * 2)


@pytest.mark.parametrize(
    ("state", "head", "sign", "text"),
    [
        (_state(9), 9, "ok", "0 positions behind"),
        (_state(9, held=True), 9, "warn", "waits for a decision"),
        (_state(9, FAILING), 9, "fail", "failed 3 times in a row, last with ValueError, raised at x.py:1"),
        (_state(9, blocked=BlockingCall("fold", "task-1", "x.py:1", 9.0)), 9, "fail", "waits for the end"),
        (NEVER, 9, "fail", "was never built"),
        (_state(0), 20_000, "warn", "is 20,000 positions behind"),
    ],
    ids=["ok", "held", "failing", "blocked", "never", "behind"],
)
def test_the_state_of_a_view_is_judged(state: ConsumerState, head: int, sign: str, text: str) -> None:
    finding = consumer_checks.check_view("tasks", state, head)
    assert (finding.check, finding.sign) == ("view tasks", sign)
    assert text in finding.text


def test_a_consumer_that_has_not_begun_is_weak_and_a_deployment_without_workers_wrong() -> None:
    assert consumer_checks.check_consumer("process x", NEVER, 9).sign == "warn"
    assert consumer_checks.check_consumer("process x", _state(7), 9).figures == {"lag": 2}
    assert consumer_checks.check_workers({"view.tasks": _state(9)}).sign == "fail"
    owned = {"view.tasks": _state(9, owner="a"), "view.agents": _state(9, owner="a")}
    assert consumer_checks.check_workers(owned) == ok("workers", "running, with 2 leases", leases=2)


def test_webhooks_that_are_behind_are_named_alone() -> None:
    near = {"webhook.acme/webhook-1.0": _state(19_990), "view.tasks": _state(0)}
    assert [*consumer_checks.check_deliveries(near, 20_000)] == [
        ok("deliveries", "1 webhook, at most 10 positions behind", webhooks=1, lag=10)
    ]
    far = ConsumerState("webhook.acme/webhook-2.0", 1, 1, 1, _state(5).generations, ())
    [finding] = consumer_checks.check_deliveries({**near, far.consumer: far}, 20_000)
    assert (finding.check, finding.sign) == ("deliveries of acme/webhook-2.0", "warn")


def test_what_waits_for_a_person_is_named_with_the_command_that_shows_it() -> None:
    stuck = TenantRows("acme", "fulfilment", 2, "fulfilment-order-17")
    row = {"id": "webhook-1", "_tenant": "acme", "pause_reason": "410"}
    letters = [DeadLetterCount("acme", "webhook-1", 3)]
    findings = [
        *failure_checks.check_dead_letters({("acme", "tasks"): 3}),
        *failure_checks.check_stuck([stuck]),
        *failure_checks.check_webhooks([row], letters),
    ]
    assert [finding.sign for finding in findings] == ["warn", "fail", "warn", "warn"]
    assert all("acme" in finding.remedy and "`nerve " in finding.remedy for finding in findings)
    nothing = [
        *failure_checks.check_dead_letters({}),
        *failure_checks.check_stuck([]),
        *failure_checks.check_webhooks([], []),
    ]
    assert {finding.sign for finding in nothing} == {"ok"}


def _key(days: int, **others: Any) -> dict[str, Any]:
    return {
        "id": "apikey-1",
        "issued_at": AT - timedelta(days=days),
        "rotated_at": None,
        "expires_at": None,
    } | others


def test_a_key_that_nobody_rotates_is_weak() -> None:
    def judge(*keys: dict[str, Any]) -> str:
        return failure_checks.check_key_ages(keys, AT).sign

    assert judge() == judge(_key(300)) == "ok"
    assert judge(_key(400)) == "warn"
    assert judge(_key(400, rotated_at=AT)) == judge(_key(400, expires_at=AT)) == "ok"
