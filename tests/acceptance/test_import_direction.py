"""The import check keeps the direction: api, projections, subscriptions, eventstore, domain."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "projections", "subscriptions", "eventstore", "domain")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's code, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("web", "static", "__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    lint = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([lint, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_the_code_as_it_is_keeps_the_direction(copy: Path) -> None:
    outcome = _lint(copy)
    assert outcome.returncode == 0, outcome.stdout


def test_imports_against_the_direction_fail_the_check(copy: Path) -> None:
    """One for each arrow of the direction; the check reports all of them."""
    for folder, wrong in pairwise(reversed(FOLDERS)):
        (copy / folder / "wrong.py").write_text(f"import {wrong}\n")
    outcome = _lint(copy)
    assert outcome.returncode == 1
    for folder, wrong in pairwise(reversed(FOLDERS)):
        assert f"{folder}.wrong -> {wrong}" in outcome.stdout, outcome.stdout
