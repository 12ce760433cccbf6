"""I5: an import that is killed at any row and started again leaves the log that one import leaves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.faults import importer
from tests.faults.import_kills import ImportKills, Size, write_log

SIZE = Size(cases=25, kills=2)


def test_i5_a_killed_import_is_continued_without_a_gap_or_a_duplicate(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    """Each kill comes while many commands of several rows are under way."""
    path, _ = write_log(tmp_path, SIZE.cases)

    def run_import(name: str, commits: int | None) -> int:
        if commits is None:
            return 0 if asyncio.run(importer.run(mongo_url, name, path, None)) else 1
        command = (sys.executable, "-m", "tests.faults.importer", mongo_url, name, str(path), str(commits))
        return subprocess.run(command, check=False).returncode

    outcome = ImportKills(mongo_url, database, run_import, SIZE).run()
    assert outcome.wrongs == []
    assert outcome.killed == SIZE.kills
    assert outcome.commits > 400
