"""A change of all of nerve but what decides values rebuilds no view and drops no snapshot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eventstore.counted_code import WITHOUT_VALUES, is_kernel
from tests.helpers.reworded_errors import reworded

ROOT = Path(__file__).parents[2]

NOT_DECLARED = ("domain.dispatch", "domain.kernel", "domain.testing")
CHANGED = (
    "domain.dispatch.bus",
    "domain.dispatch.middleware",
    "domain.kernel.errors",
    "eventstore.log",
    "projections.folding.folding",
    "api.app",
)
"""Some of the modules that the test changes."""

FINGERPRINTS = """
import pkgutil
from importlib import import_module
import projections.views
from eventstore.aggregates.state_fingerprint import state_fingerprint
from projections.storage.view_fingerprint import view_fingerprint

for module in pkgutil.iter_modules(projections.views.__path__, "projections.views."):
    view = import_module(module.name).view
    print("view", view.name, view_fingerprint(view))
    print("state", view.context.name, state_fingerprint(view.context.aggregate, [view.context]))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of nerve's code."""
    copy = tmp_path_factory.mktemp("nerve")
    for package in ("api", "domain", "eventstore", "projections", "subscriptions"):
        shutil.copytree(ROOT / package, copy / package, ignore=other_files)
    return copy


def other_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (name.endswith(".py") or (Path(folder) / name).is_dir())]


def fingerprints_in(tree: Path) -> dict[str, str]:
    """The fingerprints of all views and aggregates of the tree, by a process that runs its code."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", FINGERPRINTS]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    return dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())


def test_the_rest_of_nerve_rebuilds_no_view_and_drops_no_snapshot(tree: Path):
    """Every module changes but those that count: bus, middleware, stores, consumers, transports, …"""
    before = fingerprints_in(tree)
    changed = []
    for file in tree.rglob("*.py"):
        name = ".".join(file.relative_to(tree).with_suffix("").parts).removesuffix(".__init__")
        if is_kernel(name) and name not in WITHOUT_VALUES and file.stem != "__init__":
            file.write_text(reworded(file.read_text()))
        elif not name.startswith(("domain.", "projections.views")) or name.startswith(NOT_DECLARED):
            file.write_text(f"{file.read_text()}\nCHANGED = True\n")
            changed.append(name)
    assert set(CHANGED) <= set(changed)
    assert fingerprints_in(tree) == before
    codec = tree / "domain" / "kernel" / "types" / "stored_scalars.py"
    codec.write_text(f"{codec.read_text()}\nCHANGED = True\n")
    after = fingerprints_in(tree)
    assert {name for name in before if after[name] == before[name]} == set()
