"""A capture under kills -9, in short; `make faults ONLY=cdc` does more, and kills MongoDB too."""

from __future__ import annotations

from pathlib import Path

from tests.faults.cdc_kills import CdcKills, Size

SIZE = Size(documents=60, writes=500, kills=2, mongod_kills=0, pause=0.003)


def test_i3_i5_the_view_of_a_killed_capture_equals_the_collection_and_nothing_is_recorded_twice(
    tmp_path: Path,
) -> None:
    """The changes that MongoDB reports are those of the log, by their ids."""
    outcome = CdcKills(tmp_path, SIZE).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert (outcome.writes, outcome.strikes.total()) == (500, 2)
    assert outcome.recorded == outcome.changes > 0
