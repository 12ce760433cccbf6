"""``python -m tests.references``: checks and runs the tests that `docs/references.md` names.

It ends with 1 where a row of the table names no test, or one that does not exist, and where a test fails.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "references.md"

PYTEST = ("-m", "pytest", "--quiet", "-n", "4", "--max-worker-restart", "0", "--dist", "loadfile")
"""The arguments by which Python runs the tests, as `make test` does."""

_ROW = re.compile(r"^\| (?P<pattern>.+?) \| (?P<here>.+?) \| (?P<tests>.*?) ?\|$", re.M)
_TEST = re.compile(r"`(tests/[^`]+)`")


class Row(NamedTuple):
    """A pattern of the references, what nerve has for it, and the tests that show it."""

    pattern: str
    here: str
    tests: tuple[str, ...]


def read_rows(page: str) -> list[Row]:
    """Return the rows of the table, without its head."""
    _head, _line, *rows = _ROW.finditer(page)
    return [Row(row["pattern"], row["here"], tuple(_TEST.findall(row["tests"]))) for row in rows]


def rows_without_tests(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each row that no test shows."""
    return [f"no test shows: {row.pattern}" for row in rows if not row.tests]


def missing_tests(rows: Sequence[Row], root: Path = ROOT) -> list[str]:
    """Return a sentence for each named test that does not exist below `root`."""
    return [
        f"{test} does not exist, and is to show: {row.pattern}"
        for row in rows
        for test in row.tests
        if not _exists(test, root)
    ]


def _exists(test: str, root: Path) -> bool:
    name, _, function = test.partition("::")
    file = root / name
    return file.is_file() and function in _functions(ast.parse(file.read_text()))


def _functions(block: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the names of the tests in a module or a class, as pytest writes them."""
    for statement in block.body:
        if isinstance(statement, ast.ClassDef):
            yield from (f"{statement.name}::{name}" for name in _functions(statement))
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name


def main(page: Path = PAGE, root: Path = ROOT) -> int:
    """Check the rows of the page, and run their tests together; return the exit code."""
    rows = read_rows(page.read_text())
    problems = [*rows_without_tests(rows), *missing_tests(rows, root)]
    for problem in problems:
        print(problem, file=sys.stderr)
    tests = sorted({test for row in rows for test in row.tests if _exists(test, root)})
    failed = bool(tests) and subprocess.run([sys.executable, *PYTEST, *tests], cwd=root).returncode != 0
    return int(failed or bool(problems) or not rows)


if __name__ == "__main__":
    sys.exit(main())
