"""B6: the fingerprint covers the user's code in whatever package it is, and others by their version."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from eventstore import sources
from eventstore.aggregates.state_fingerprint import state_fingerprint
from projections.storage.view_fingerprint import view_fingerprint
from tests.helpers.fresh_sources import forget_sources

CONTEXT = """
from dataclasses import dataclass
from typing import TypedDict
from domain.kernel import Aggregate, ChangeCommand, Context, Event
from projections.kernel import View, by_stream
from shop_money.rounding import rounded

class Pay(ChangeCommand):
    pass

class Paid(Event, type="bill.paid"):
    pass

@dataclass(frozen=True)
class Bill(Aggregate[Pay, Paid]):
    category = "bill"

    def decide(self, command, facts):
        return [Paid()]

    def evolve(self, event):
        return self

class BillRow(TypedDict):
    id: str
    total: int

def apply(id, row, event):
    return {"id": id, "total": rounded(1)}

view = View(
    name="bills",
    singular="bill",
    context=Context("bills", Bill),
    row=BillRow,
    key=by_stream,
    apply=apply,
)
"""
PACKAGES = ("shop_bills", "shop_money", "shop_tax")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as this interpreter's site-packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sources, "_site_packages", lambda: (folder,))
    for place in (folder, tmp_path):
        monkeypatch.syspath_prepend(place)
    sources.published_distribution.cache_clear()
    yield folder
    sources.published_distribution.cache_clear()


@pytest.fixture
def shop(tmp_path: Path, site: Path) -> Iterator[Path]:
    """Where a context lies that uses `shop_money`, another package, which uses `shop_tax`."""
    write(tmp_path / "shop_bills" / "__init__.py", CONTEXT)
    write(tmp_path / "shop_money" / "__init__.py", "")
    write(tmp_path / "shop_money" / "rounding.py", "from shop_tax import RATE\n\ndef rounded(x): return x")
    write(tmp_path / "shop_tax.py", "RATE = 1")
    yield tmp_path
    for loaded in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[loaded]
    forget_sources()


def write(path: Path, source: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)


def fingerprints() -> tuple[str, str]:
    """Those of the view and of the aggregate, of the sources as they are now."""
    forget_sources()
    sources.published_distribution.cache_clear()
    view = import_module("shop_bills").view
    return view_fingerprint(view), state_fingerprint(view.context.aggregate, [view.context])


def install(
    site: Path, name: str, version: str, *, local: bool = False, manifest: str = "top_level.txt"
) -> None:
    """The metadata of an installed distribution with one module or package of this name.

    The `manifest` is the file that says so.
    """
    for old in site.glob(f"{name}-*.dist-info/*"):
        old.unlink()
    metadata = site / f"{name}-{version}.dist-info"
    write(metadata / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    write(metadata / manifest, name if manifest == "top_level.txt" else f"{name}.py,sha256=x,8\n")
    if local:
        write(metadata / "direct_url.json", '{"url": "file:///src", "dir_info": {}}')


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("shop_money/rounding.py", "from shop_tax import RATE\n\ndef rounded(x): return x * RATE"),
        ("shop_money/__init__.py", "STEP = 1"),
        ("shop_tax.py", "RATE = 2"),
    ],
)
def test_b6_it_changes_with_other_packages_of_the_user(shop: Path, file: str, source: str) -> None:
    before = fingerprints()
    assert fingerprints() == before
    write(shop / file, source)
    after = fingerprints()
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_b6_it_changes_with_a_compiled_module_of_the_user(shop: Path) -> None:
    (shop / "shop_tax.py").unlink()
    compiled = shop / f"shop_tax{EXTENSION_SUFFIXES[0]}"
    compiled.write_bytes(b"one")
    sys.modules["shop_tax"] = type(sys)("shop_tax")
    sys.modules["shop_tax"].RATE = 1  # type: ignore[attr-defined]
    sys.modules["shop_tax"].__file__ = str(compiled)
    before = fingerprints()
    compiled.write_bytes(b"two")
    assert fingerprints()[0] != before[0]


@pytest.mark.parametrize("manifest", ["top_level.txt", "RECORD"])
def test_a_published_package_counts_by_its_version_alone(shop: Path, site: Path, manifest: str) -> None:
    (shop / "shop_tax.py").rename(site / "shop_tax.py")
    install(site, "shop_tax", "1.0", manifest=manifest)
    before = fingerprints()
    write(site / "shop_tax.py", "RATE = 1.0  # as another platform has it")
    assert fingerprints() == before
    install(site, "shop_tax", "1.1", manifest=manifest)
    assert fingerprints()[0] != before[0]


@pytest.mark.parametrize("local", [True, False], ids=["from a folder", "without metadata"])
def test_b6_what_no_index_publishes_counts_by_its_code(shop: Path, site: Path, local: bool) -> None:
    """A package that was installed from a folder keeps its version while its code changes."""
    (shop / "shop_tax.py").rename(site / "shop_tax.py")
    if local:
        install(site, "shop_tax", "1.0", local=True)
    before = fingerprints()
    write(site / "shop_tax.py", "RATE = 2")
    assert fingerprints()[0] != before[0]


def test_it_loads_no_module_to_look_at_it(shop: Path) -> None:
    """A module may have effects; one that only type checkers import is never loaded."""
    source = "if False:\n    import shop_tax.deep\n\ndef rounded(x): return x"
    write(shop / "shop_money" / "rounding.py", source)
    (shop / "shop_tax.py").unlink()
    write(shop / "shop_tax" / "__init__.py", "raise SystemExit")
    write(shop / "shop_tax" / "deep.py", "RATE = 1")
    before = fingerprints()
    write(shop / "shop_tax" / "deep.py", "RATE = 2")
    assert fingerprints()[0] != before[0]
    assert "shop_tax" not in sys.modules
