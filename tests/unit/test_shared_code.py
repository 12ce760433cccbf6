"""What tests share is in `tests/helpers`: no module imports a module of tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported_modules(source: str) -> Iterator[str]:
    """Yield the full names of what the source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_tests(source: str) -> list[str]:
    """Return the imports of the source that lead to a module of tests."""
    return [
        name
        for name in imported_modules(source)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]


def test_no_module_imports_a_module_of_tests() -> None:
    found = {path.name: imported_tests(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {name: imports for name, imports in found.items() if imports} == {}


def test_an_import_of_a_module_of_tests_is_found() -> None:
    sources = ("from tests.unit.test_a import b", "from tests.unit import test_a", "import tests.unit.test_a")
    assert all(imported_tests(source) for source in sources)
    assert imported_tests("from tests.helpers.notes import Rig") == []
