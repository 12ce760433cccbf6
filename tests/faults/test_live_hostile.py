"""I11: the memory of a server whose clients vanish, in short; `make faults ONLY=live` does more."""

from __future__ import annotations

from pathlib import Path

from tests.faults.live.hostile import LiveHostile, Size

SIZE = Size(
    good=10,
    vanishing=60,
    rounds=1,
    paced=5,
    burst=500,
    ping_interval=1.0,
    own=True,
)


def test_i11_clients_that_stop_reading_or_vanish_cost_no_memory_and_are_found(tmp_path: Path) -> None:
    outcome = LiveHostile(tmp_path, SIZE).run()
    assert not outcome.wrongs, outcome.wrongs
