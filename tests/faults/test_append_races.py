"""Eight processes race for one log, in short; `make faults ONLY=append.races` has more. Some are killed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.faults.load import Load
from tests.faults.races import WRITERS, race

COMMANDS = 150
"""Of a writer."""


def test_i1_i2_i4_eight_processes_race_and_the_log_is_whole(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    with race(mongo_url, database, tmp_path, COMMANDS) as load:
        verdict = load.judge_when_written()
    assert not verdict.wrongs, verdict.told
    assert not verdict.backdated
    assert verdict.acknowledged + verdict.refused == verdict.commands == WRITERS * COMMANDS
    assert verdict.refused > verdict.commands / 8


def test_i1_i2_i4_i5_writers_killed_in_between_change_none_of_that(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    """What a killed writer was told is there; what it was not told its successor sends, to effect once."""
    with race(mongo_url, database, tmp_path, COMMANDS) as load:
        for share in (COMMANDS, 3 * COMMANDS):
            load.until(partial(_has_acknowledged, load, share))
            for writer in load.writers[:2]:
                load.kill(writer)
                load.start_writer(predecessor=writer)
        verdict = load.judge_when_written()
    assert not verdict.wrongs, verdict.told
    assert not verdict.backdated
    assert verdict.acknowledged + verdict.refused == verdict.commands


def _has_acknowledged(load: Load, commands: int) -> bool:
    return load.acknowledged >= commands
