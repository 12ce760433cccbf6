"""Access ends on five processes while Redis is dead, in short; `make faults ONLY=access` has more."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tests.faults.access.trial import AccessTrial


def test_i6_connections_are_closed_on_five_processes_while_redis_is_dead(tmp_path: Path) -> None:
    outcome = AccessTrial(tmp_path, apis=5, rounds=2).run()
    Console().print(outcome.table())
    assert [len(times) for times in outcome.seconds.values()] == [10, 10]
    assert not outcome.wrongs, outcome.wrongs
