"""Deadlines over kill -9 of their worker, in short; `make faults ONLY=processes.deadlines` has 100,000."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.faults.deadlines import DeadlineTrial, Size

SIZE = Size(deadlines=300, lead=timedelta(seconds=2), window=timedelta(seconds=3), pending=2_000, idle=0.5)


def test_i12_each_deadline_comes_once_and_not_early_though_its_worker_is_killed(tmp_path: Path) -> None:
    """Half of them come while there is no worker, and none is forgotten."""
    outcome = DeadlineTrial(tmp_path, SIZE).run(lambda: None)
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert len(outcome.lateness) == SIZE.deadlines
