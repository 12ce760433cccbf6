"""Every fault in short, one after the other, on one log of a three-member replica set (I1 to I5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.replica_set import ReplicaSet
from tests.faults.suite import FAULTS, load_on, strike, verdict_on

PATIENCE = 2.0
"""Seconds that an append may take here; the sooner it is given up, the more often it is sent again."""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ReplicaSet]:
    servers = ReplicaSet(tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.kill_all()


@pytest.mark.faults
def test_i1_i2_i3_i4_i5_no_fault_loses_doubles_tears_or_reorders_anything(servers, tmp_path):
    with load_on(servers, tmp_path, long=False, patience=PATIENCE) as scene:
        for fault in FAULTS:
            for _ in range(fault.briefly):
                strike(fault, scene)
        verdict = verdict_on(scene)
    assert not verdict.wrongs, verdict.told
    assert verdict.acknowledged > 0
