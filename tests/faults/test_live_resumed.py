"""I6, I10: subscribers under kills of Redis, API processes and workers; `make faults ONLY=live` does more."""

from __future__ import annotations

from pathlib import Path

from tests.faults.live.resumes import LiveResumes, Size

SIZE = Size(
    apis=2,
    workers=1,
    subscribers=12,
    changes=150,
    kills={"redis": 1, "api": 1, "worker": 1},
    stay=1.5,
    pause=0.1,
)


def test_i6_i10_whatever_is_killed_subscribers_are_told_all_and_nothing_twice(tmp_path: Path) -> None:
    outcome = LiveResumes(tmp_path, SIZE).run()
    assert not outcome.wrongs, outcome.wrongs[:20]
    assert outcome.kills.keys() == {"redis", "api", "worker"}
    assert outcome.events > 0
    assert outcome.looks > 0
    assert outcome.cuts > 2 * outcome.subscribers
