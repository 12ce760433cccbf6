"""I8, I9: views under kills of workers and of both servers, in short; `make faults ONLY=views` does more."""

from __future__ import annotations

from pathlib import Path

from tests.faults.view_kills import ViewKills

KILLS = 5

UNWRITTEN = frozenset(
    {"api_keys", "approvals", "processes", "revocations", "subjects", "team_tasks", "webhooks"}
)
"""Views to which the writers of this test write nothing."""


def test_i8_i9_views_survive_kills_of_workers_and_servers_and_never_go_back(tmp_path: Path) -> None:
    outcome = ViewKills(tmp_path, KILLS, workers=2, writers=1, partitions=2, every=0.2).run()
    assert outcome.partitions == 2
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert outcome.kills.keys() == {"worker", "mongod", "redis"}
    assert outcome.sights > 0
    assert all(rows for view, (rows, _, _) in outcome.views.items() if view not in UNWRITTEN), outcome.views
