"""A view that the settings do not have any more is shown as retired, and can be removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from subscriptions.consumers.state import CONSUMERS
from tests.helpers.command_line import JSON, run_nerve
from tests.helpers.documentation import operation
from tests.helpers.served_api import Served, serve

ROWS = "view_old_notes_1"


def consumers(served: Served) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = served.ask(operation("ConsumersBehind"))["consumers"]
    return listed


@pytest.fixture
def served(
    mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """An API and a worker, and the consumer and a row of a view from former settings, far behind."""
    settings: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    for name, value in settings.items():
        monkeypatch.setenv(f"NERVE_{name.upper()}", value)
    with serve(**settings) as running_api:
        running_api.do("registerAgent", name="Grace")
        with MongoClient[dict[str, Any]](mongo_url) as client:
            stored = client[database][CONSUMERS].find_one({"_id": "view.agents"}) or {}
            number = stored["active"]
            generation = stored["generations"][str(number)]
            generation["partitions"] = {"0": {"epoch": 1, "position": 0}}
            stored |= {"_id": "view.old_notes", "generations": {str(number): generation}}
            client[database][CONSUMERS].insert_one(stored)
            client[database][ROWS].insert_one({"_id": "default/note-1", "_generation": number})
        yield running_api


def test_a_view_without_settings_is_retired_and_can_be_removed(
    served: Served, mongo_url: str, database: str
) -> None:
    """It comes after those that are behind. A view in use is not removed."""
    *others, last = consumers(served)
    assert (last["name"], last["retired"]) == ("view.old_notes", True)
    assert last["lag"] > 0
    assert not any(consumer["retired"] for consumer in others)
    refused = run_nerve("views", "drop", "agents")
    assert (refused.code, refused.stderr) == (
        1,
        "nerve: the view 'agents' is in use: remove it from `contexts` first\n",
    )
    assert run_nerve("views", "drop", "oldNotes", answer="no").code == 1
    assert len(consumers(served)) == len(others) + 1
    assert run_nerve("views", "drop", "oldNotes", JSON).records == [{"name": "oldNotes", "changed": True}]
    assert "view.old_notes" not in {consumer["name"] for consumer in consumers(served)}
    with MongoClient[dict[str, Any]](mongo_url) as client:
        assert client[database][ROWS].count_documents({}) == 0
    assert run_nerve("views", "drop", "oldNotes").code == 1


def test_a_view_that_a_worker_with_other_settings_builds_is_not_removed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NERVE_CONTEXTS", "projections.views.documents")
    refused = run_nerve("views", "drop", "agents")
    assert refused.code == 1
    assert re.fullmatch(
        r"nerve: the view 'agents' is in use by \S+: restart such workers without it first\n", refused.stderr
    )
