"""The table of the references names tests that exist; `make references` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.references import PAGE, Row, main, missing_tests, read_rows, rows_without_tests

HEAD = "# Page\n\n| pattern | here | shown by |\n| --- | --- | --- |\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with tests of which one fails."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "def test_passes(): pass\n"
        "def test_fails(): assert False\n"
        "class TestIt:\n"
        "    async def test_in(self): pass\n"
    )
    return tmp_path


def table(root: Path, *rows: str) -> Path:
    """Write a page with these rows."""
    page = root / "page.md"
    page.write_text(HEAD + "".join(f"| {row} |\n" for row in rows) + "\nText.\n")
    return page


def test_each_row_names_tests_that_exist() -> None:
    """All of them are part of this suite."""
    rows = read_rows(PAGE.read_text())
    assert len(rows) > 20
    assert rows_without_tests(rows) + missing_tests(rows) == []


def test_a_row_has_a_pattern_what_nerve_has_and_tests(root: Path) -> None:
    """The tests stand in backticks."""
    tests = ("tests/test_it.py::test_passes", "tests/test_it.py::TestIt::test_in")
    page = table(root, f"a, b | `x` | `{tests[0]}`, `{tests[1]}`", "c | d | ")
    first, second = read_rows(page.read_text())
    assert (first, second) == (Row("a, b", "`x`", tests), Row("c", "d", ()))
    assert rows_without_tests([first, second]) == ["no test shows: c"]
    assert missing_tests([first, second], root) == []


@pytest.mark.parametrize(
    "test", ["tests/test_it.py::test_gone", "tests/test_gone.py::test_passes", "tests/test_it.py"]
)
def test_a_test_that_does_not_exist_is_named(root: Path, test: str) -> None:
    """With the row that it is to show."""
    rows = read_rows(table(root, f"a | b | `{test}`").read_text())
    assert missing_tests(rows, root) == [f"{test} does not exist, and is to show: a"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a | b | `tests/test_it.py::test_passes`", 0),
        ("a | b | `tests/test_it.py::test_fails`", 1),
        ("a | b | ", 1),
    ],
)
def test_the_exit_code_is_1_where_a_row_is_not_shown(
    root: Path, row: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its test fails, or it has none."""
    monkeypatch.setattr("tests.references.PYTEST", ("-m", "pytest", "--quiet", "-p", "no:cacheprovider"))
    assert main(table(root, row), root) == code


def test_a_page_without_rows_is_not_shown(root: Path) -> None:
    """Otherwise a change of its form would pass for success."""
    assert main(table(root), root) == 1
