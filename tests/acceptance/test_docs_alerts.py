"""The operations of docs/users.md and docs/system.md do what the pages say."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.helpers.documentation import ROOT, code_blocks, operation
from tests.helpers.served_api import Client, Served
from tests.helpers.token_access import serve_with

PAGES = (ROOT / "docs" / "users.md", ROOT / "docs" / "system.md")
EVENTS = "query ($streams: [ID!]!) { events(filter: { streams: $streams }) { nodes { type } } }"
LOGIN = {"userId": "user-eve", "address": "192.0.2.9"}


@pytest.fixture(scope="module")
def nerve(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API with the contexts of the pages and a worker, which read the log only when they are woken."""
    lists = [yaml.safe_load(block)["contexts"] for page in PAGES for block in code_blocks(page, "yaml")]
    contexts = tuple(dict.fromkeys(name for names in lists for name in names))
    settings = {"contexts": contexts, "master_key": b64encode(os.urandom(32)).decode()}
    with serve_with(None, mongo_url, redis_url, worker=True, poll_interval=600, **settings) as served:
        yield served


@pytest.fixture(scope="module")
def ada(nerve: Served) -> str:
    """A user with a login, an action and a failed login, all by operations of the page."""
    created = nerve.ask(operation("CreateUser"))["createUser"]["user"]
    assert created == {"id": "user-ada", "email": "ada@example.org", "status": "ACTIVE"}
    for name in ("SignIn", "FailToSignIn", "Act"):
        nerve.ask(operation(name))
    return "user-ada"


async def follow(client: Client, query: str) -> list[dict[str, Any]]:
    """Subscribe, and return the messages up to `CaughtUp`."""
    await client.subscribe("1", query)
    messages = [await client.next()]
    while messages[-1]["__typename"] != "CaughtUp":
        messages.append(await client.next())
    return messages


def test_users_are_found_by_words_of_their_names_in_pages(nerve: Served, ada: str) -> None:
    users = nerve.ask(operation("FindUsers"))["users"]
    assert users["totalCount"] == 1
    assert users["nodes"] == [{"id": ada, "name": "Ada Lovelace", "email": "ada@example.org"}]
    assert users["pageInfo"]["hasNextPage"] is False


def test_the_behaviour_of_a_user_is_shown(nerve: Served, ada: str) -> None:
    behaviour = nerve.ask(operation("Behaviour"))["userActivity"]
    [day] = behaviour.pop("recentDays")
    assert behaviour.pop("lastSeen").startswith(day["day"])
    assert behaviour == {
        "user": {"name": "Ada Lovelace"},
        "logins": 1,
        "actions": 1,
        "activeDays": 1,
        "actionsADay": 1.0,
        "mostUsed": [{"action": "export", "count": 1}],
    }
    [today] = nerve.ask(operation("DaysWithActivity"))["activityDays"]["nodes"]
    totals = {"activeUsers": 1, "logins": 1, "failedLogins": 1, "actions": 1, "suspicions": 0}
    assert today == {"day": day["day"], **totals}


async def test_an_alert_of_a_policy_reaches_an_open_subscription_by_wake_ups_alone(nerve: Served) -> None:
    """It is the next commit after its cause, and nothing is polled, so it takes as long as any change."""
    nerve.do("createUser", id="user-eve", email="eve@example.org", name="Eve")
    async with nerve.client() as client:
        snapshot, _ = await follow(client, operation("SecurityAlerts"))
        assert snapshot["alerts"] == []
        alert = {"key": "failed_logins:user-eve", "state": "OPEN", "severity": "WARNING"}
        alert["message"] = "user-eve: 5 failed logins within 10 minutes"
        for occurrences, kind in ((1, "ADDED"), (2, "UPDATED")):
            for _ in range(5):
                nerve.do("recordFailedLogin", **LOGIN)
            changed = await client.next()
            assert (changed["kind"], changed["alert"]) == (kind, {**alert, "occurrences": occurrences})
    streams = ["activity-user-eve", "alert-failed_logins:user-eve"]
    events = nerve.ask(EVENTS, streams=streams)["events"]["nodes"]
    types = [event["type"] for event in events]
    failed = [*["activity.login_failed"] * 5, "activity.suspicion_found"]
    assert types == [*failed, "alert.raised", *failed, "alert.repeated"]


def test_an_alert_is_raised_acknowledged_and_resolved(nerve: Served) -> None:
    for occurrences in (1, 2):
        raised = nerve.ask(operation("RaiseAlert"))["raiseAlert"]["alert"]
        assert raised == {"id": "alert-backup:nightly", "state": "OPEN", "occurrences": occurrences}
    alerts = nerve.ask(operation("OpenAlerts"))["alerts"]
    assert [alert["key"] for alert in alerts["nodes"]] == ["backup:nightly"]
    assert alerts["nodes"][0]["details"] == {"free": 0}
    acknowledged = nerve.ask(operation("AcknowledgeAlert"))["acknowledgeAlert"]["alert"]
    assert (acknowledged["state"], acknowledged["note"]) == ("ACKNOWLEDGED", "I free some space.")
    assert nerve.ask(operation("ResolveAlert"))["resolveAlert"]["alert"]["state"] == "RESOLVED"
    assert nerve.ask(operation("OpenAlerts"))["alerts"]["totalCount"] == 0
    refusal = nerve.refused(operation("AcknowledgeAlert"))
    assert refusal["extensions"]["code"] == "INVARIANT_VIOLATED"
    assert "is resolved" in refusal["message"]


def test_levels_between_the_thresholds_are_not_stored(nerve: Served) -> None:
    changed = [
        nerve.ask(operation("RecordLevel"), level=level)["recordResourceLevel"]["receipt"]["changed"]
        for level in (90.0, 90.1, 95.0, 80.0, 79.9, 85.0)
    ]
    assert changed == [False, True, False, False, True, False]
    wrong = operation("RecordLevel").replace("low: 80", "low: 95")
    refusal = nerve.refused(wrong, level=1.0)
    assert refusal["extensions"]["code"] == "VALIDATION_FAILED"
    assert "low must be at most high" in refusal["message"]


async def test_system_events_are_subscribed_to_by_severity(nerve: Served) -> None:
    async with nerve.client() as client:
        snapshot, _ = await follow(client, operation("SevereEvents"))
        assert snapshot["systemEvents"] == []
        nerve.do("recordSystemEvent", severity="INFO", category="backup", source="nightly", message="begins")
        nerve.ask(operation("ReportEvent"))
        added = await client.next()
    event = {"severity": "ERROR", "category": "backup", "source": "nightly", "message": "No space left."}
    assert added["systemEvent"].pop("occurredAt")
    assert (added["kind"], added["systemEvent"]) == ("ADDED", {**event, "details": {"free": 0}})


def test_calls_of_services_are_found_by_their_latency(nerve: Served) -> None:
    nerve.ask(operation("RecordRequest"))
    outcome = {"outcome": "REFUSED", "code": "card_declined", "latencySeconds": 0.25}
    response = nerve.ask(operation("RecordResponse"))["recordServiceResponse"]["serviceCall"]
    assert response == outcome
    [call] = nerve.ask(operation("SlowCalls"))["serviceCalls"]["nodes"]
    assert call["id"] == "servicecall-1"
    assert call.items() >= outcome.items()
    assert call["requestedAt"] <= call["respondedAt"]
