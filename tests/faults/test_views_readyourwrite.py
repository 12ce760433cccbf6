"""Who has written reads it, at any API process, in short; `make faults ONLY=views` does more."""

from __future__ import annotations

from pathlib import Path

from tests.faults.view_pairs import SHARES, ViewPairs

PAIRS = 100


def test_what_was_written_is_read_at_another_process_whatever_becomes_of_workers_and_redis(
    tmp_path: Path,
) -> None:
    outcome = ViewPairs(tmp_path, PAIRS).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert outcome.pairs == PAIRS
    assert outcome.kills > 0
    assert {weather for weather, _ in outcome.took} == SHARES.keys()
