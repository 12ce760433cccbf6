"""B1, B2: versions follow each other under load, in short; `make faults ONLY=deployments` does more."""

from __future__ import annotations

from pathlib import Path

from tests.faults.deployments.trial import DeploymentTrial

PAUSE = 0.15
"""Seconds between two requests of a client, which leaves the cores to the processes that start."""


def test_b1_b2_deployments_lose_no_row_and_make_no_wrong_one(tmp_path: Path) -> None:
    outcome = DeploymentTrial(tmp_path, 1, PAUSE).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert outcome.steps["broken fold"] == "held"
    assert {outcome.steps[name] for name in ("renamed field", "renamed event", "removed event")} == {
        "refused"
    }
    assert outcome.facts.codes.keys() <= {"VIEW_REBUILDING", "STALE_READ", "UNAVAILABLE", "VALIDATION_FAILED"}
    assert min(outcome.facts.writes, outcome.facts.reads, outcome.facts.messages) > 20
