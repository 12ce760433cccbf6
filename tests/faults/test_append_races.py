"""Eight processes append to overlapping streams, with conflicts, while readers follow; some are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.writer import Orders

WRITERS = 8
READERS = 2


@pytest.fixture
def start(mongo_url: str, database: str, tmp_path: Path) -> Iterator[Callable[[int], Load]]:
    """Starts the race, in which each writer sends so many commands."""
    loads: list[Load] = []

    def started(commands: int) -> Load:
        load = Load(Orders(mongo_url, database, str(tmp_path), seed=1, commands=commands, callers=32))
        loads.append(load)
        for _ in range(READERS):
            load.start_reader()
        for _ in range(WRITERS):
            load.start_writer()
        return load

    yield started
    for load in loads:
        load.kill_all()


def test_i1_i2_i4_eight_processes_race_and_the_log_is_whole(start):
    verdict = start(2_500).judge_when_written()
    assert not verdict.wrongs, verdict.told
    assert not verdict.backdated
    assert verdict.acknowledged + verdict.refused == verdict.commands == WRITERS * 2_500
    assert verdict.refused > 4_000


def test_i1_i2_i4_i5_writers_killed_in_between_change_none_of_that(start):
    """What a killed writer was told is there; what it was not told its successor sends, to effect once."""
    race = start(700)
    for share in (1_400, 2_800):
        race.until(lambda share=share: race.acknowledged >= share)
        for writer in race.writers[:3]:
            race.kill(writer)
            race.start_writer(predecessor=writer)
    verdict = race.judge_when_written()
    assert not verdict.wrongs, verdict.told
    assert not verdict.backdated
    assert verdict.acknowledged + verdict.refused == verdict.commands
