"""Exported lines are CloudEvents 1.0 as the specification has them, so that its libraries read them."""

from __future__ import annotations

import re
from pathlib import Path

import orjson

from api.transfer.export_writer import commit_lines
from domain.kernel.rfc3339 import read_moment
from tests.helpers import log_files
from tests.helpers.memory_import import MemoryImport

REQUIRED = {"id", "source", "specversion", "type"}
PAYLOAD = {"data"}


def test_exported_lines_follow_the_specification_of_cloudevents(tmp_path: Path) -> None:
    """Names of attributes are at most 20 lower-case letters and digits; integers have 32 bits."""
    log = MemoryImport(tmp_path)
    log.run("lifecycle.csv", log_files.LIFECYCLE)
    log.run("foreign-columns.csv", log_files.FOREIGN_COLUMNS)
    lines = [
        orjson.loads(line)
        for commit in log.bus.history.commits
        for line in commit_lines(commit, personal=True, client="192.0.2.1").splitlines()
    ]
    assert len(lines) > 20
    for line in lines:
        assert line.keys() >= REQUIRED | PAYLOAD
        assert line["specversion"] == "1.0"
        assert read_moment(line["time"])
        for name, value in line.items():
            if name not in PAYLOAD:
                assert re.fullmatch("[a-z0-9]{1,20}", name)
                assert isinstance(value, str | int)
                assert value != ""
                assert not isinstance(value, int) or -(2**31) <= value < 2**31
