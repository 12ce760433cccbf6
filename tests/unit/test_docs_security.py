"""Each promise of docs/security.md names tests that exist."""

from __future__ import annotations

import re

from tests.helpers.documentation import ROOT

PAGE = ROOT / "docs" / "security.md"


def test_each_promise_names_tests_that_exist() -> None:
    promises = PAGE.read_text().partition("## Promises")[2].partition("## What it does not do")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "---" not in line][1:]
    for row in rows:
        tests = re.findall(r"`(tests/\S+\.py)`", row)
        assert tests, row
        assert [test for test in tests if not (ROOT / test).is_file()] == []
