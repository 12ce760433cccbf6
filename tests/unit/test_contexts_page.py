"""The code of docs/contexts.md does what the page says."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contexts.md").read_text()

CHECK = """
from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import load_settings
from library.copies import CopyLent

declarations = load_contexts(load_settings())
catalog = declarations.catalog
schema = print_api(catalog, declarations.views)
assert "damaged: DamagedInput" in schema and "lent: Int!" in schema
assert "At another version the command is applied after the newer events." in schema
assert "eraseSubject(" in schema
assert catalog.read("copy.lent", 1, {"member_id": "member-1"})[2] == CopyLent(member_id="member-1", days=14)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the page shows, and nothing else."""
    files = re.findall(r"`(library/\w+\.py)`:\n\n```python\n(.*?)```", PAGE, re.S)
    assert len(files) == PAGE.count("```python") == 5
    (tmp_path / "library").mkdir()
    for name, code in files:
        (tmp_path / name).write_text(code)
    (settings,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    (tmp_path / "nerve.yaml").write_text(settings)
    return tmp_path


def test_the_code_of_the_page_does_what_it_says(folder: Path) -> None:
    check = [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{CHECK}"]
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_tests_of_the_page_pass(folder: Path) -> None:
    tests = [sys.executable, "-m", "pytest", "-q", "library"]
    done = subprocess.run(tests, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_code_of_the_page_is_strictly_typed(folder: Path) -> None:
    (folder / "library" / "test_library.py").unlink()
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    mypy = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases", "library"]
    done = subprocess.run(mypy, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_the_interactive_examples_of_the_page_return_what_it_shows() -> None:
    (session,) = re.findall(r"```pycon\n(.*?)```", PAGE, re.S)
    test = doctest.DocTestParser().get_doctest(session, {}, "contexts.md", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_nerve_finds_the_modules_of_the_folder_it_is_started_in(folder: Path) -> None:
    nerve = Path(sys.executable).with_name("nerve")
    done = subprocess.run([nerve, "schema", "events"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (folder / "library" / "schemas" / "copy.lent.2.json").exists()
