"""Fingerprints of aggregates and views change with the code that may decide their values, and only then."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from domain.kernel import Context
from eventstore.aggregates.state_fingerprint import state_fingerprint
from projections.storage.view_fingerprint import view_fingerprint
from tests.helpers.fresh_sources import forget_sources

SOURCES = {
    "__init__.py": "",
    "aggregate.py": """
from dataclasses import dataclass
from domain.kernel import Aggregate, ChangeCommand
from {package}.events import Done
from {package} import rules

class Do(ChangeCommand):
    pass

@dataclass(frozen=True)
class Deed(Aggregate[Do, Done]):
    category = "deed"
    count: int = 0

    def decide(self, command, facts):
        return [Done()]

    def evolve(self, event):
        from .lazily import more
        return Deed(self.count + rules.STEP)
""",
    "events.py": """
from domain.kernel import Event

class Done(Event, type="deed.done", revision=2):
    times: int = 1
""",
    "rules.py": "from .numbers import STEP",
    "numbers.py": "STEP = 1",
    "lazily.py": "more = 1",
    "upcasters.py": """
from domain.kernel import upcaster

@upcaster("deed.done", 1)
def done_1(data):
    return data
""",
    "unrelated.py": "",
    "view.py": """
from typing import TypedDict
from domain.kernel import Context
from projections.kernel import View, by_stream
from .aggregate import Deed
from .rows import count
from .upcasters import done_1

class DeedRow(TypedDict):
    id: str
    count: int

def apply(id, row, event):
    return count(id, row)

view = View(
    name="deeds",
    singular="deed",
    context=Context("deeds", Deed, (done_1,)),
    row=DeedRow,
    key=by_stream,
    apply=apply,
    filters=(),
)
""",
    "rows.py": """
def count(id, row):
    return {"id": id, "count": row["count"] + 1 if row else 1}
""",
}

OF_THE_VIEW = ("unrelated.py", "view.py", "rows.py")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A package of its own with a context in it."""
    name = f"deeds{abs(hash(request.node.name))}"
    (tmp_path / name).mkdir()
    for file, source in SOURCES.items():
        (tmp_path / name / file).write_text(source.replace("{package}", name))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in [loaded for loaded in sys.modules if loaded.startswith(name)]:
        del sys.modules[loaded]
    forget_sources()


def of_state(package: str) -> str:
    """The fingerprint of the aggregate, with the sources read anew."""
    forget_sources()
    aggregate = import_module(f"{package}.aggregate").Deed
    step = import_module(f"{package}.upcasters").done_1
    return state_fingerprint(aggregate, [Context("deeds", aggregate, (step,))])


@pytest.mark.parametrize("file", [file for file in SOURCES if file not in OF_THE_VIEW])
def test_it_changes_with_each_module_that_is_imported(package: str, tmp_path: Path, file: str):
    before = of_state(package)
    assert of_state(package) == before
    with (tmp_path / package / file).open("a") as source:
        source.write("\nCHANGED = True\n")
    assert of_state(package) != before


def test_it_does_not_change_with_a_module_that_is_not(package: str, tmp_path: Path):
    before = of_state(package)
    (tmp_path / package / "unrelated.py").write_text("CHANGED = True")
    assert of_state(package) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("aggregate.py", "self.count + rules.STEP", "self.count - rules.STEP"),
        ("aggregate.py", "count: int = 0", "count: int = 1"),
        ("events.py", "times: int = 1", "times: int = 2"),
        ("upcasters.py", "return data", "return {**data, 'times': 2}"),
    ],
    ids=["fold", "default of a state", "default of an event", "upcaster"],
)
def test_it_changes_with_what_states_are_made_by(
    package: str, tmp_path: Path, file: str, old: str, new: str
) -> None:
    before = of_state(package)
    change(tmp_path / package / file, old, new)
    assert of_state(package) != before


def test_it_changes_with_the_kernel(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = of_state(package)
    changed = tmp_path / "event.py"
    changed.write_bytes(
        Path(sys.modules["domain.kernel.event"].__file__ or "").read_bytes() + b"\nCHANGED = True"
    )
    monkeypatch.setattr(sys.modules["domain.kernel.event"], "__file__", str(changed))
    assert of_state(package) != before


def of_view(package: str) -> str:
    """The fingerprint of the view, with its module made anew."""
    forget_sources()
    for name in (f"{package}.view", f"{package}.rows"):
        sys.modules.pop(name, None)
    return view_fingerprint(import_module(f"{package}.view").view)


def change(path: Path, old: str, new: str) -> None:
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))
    # Python compares time and size of a source to decide whether its compiled form is up to date.
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("view.py", "return count(id, row)", "return count(id, row) if row else None"),
        ("view.py", "    count: int", "    count: float"),
        ("rows.py", "+ 1 if", "+ 2 if"),
        ("events.py", "revision=2", "revision=3"),
        ("events.py", "times: int = 1", "times: int = 2"),
        ("upcasters.py", "return data", "return {**data, 'times': 2}"),
        ("numbers.py", "1", "2"),
    ],
)
def test_that_of_a_view_changes_with_what_its_rows_are_made_by(
    package: str, tmp_path: Path, file: str, old: str, new: str
) -> None:
    before = of_view(package)
    assert of_view(package) == before
    change(tmp_path / package / file, old, new)
    assert of_view(package) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("view.py", "filters=()", 'filters=("count",), links=(), description="What was done."'),
        ("view.py", "def apply(id, row, event):", 'def apply(id, row, event):\n    """The row."""'),
        ("rows.py", "return {", "# counts from one\n    return  {"),
        ("unrelated.py", "", "CHANGED = True"),
    ],
)
def test_that_of_a_view_does_not_change_with_what_leaves_the_rows_as_they_are(
    package: str, tmp_path: Path, file: str, old: str, new: str
) -> None:
    """Neither with how they are found: that takes other indexes, and no other rows."""
    before = of_view(package)
    change(tmp_path / package / file, old, new)
    assert of_view(package) == before
