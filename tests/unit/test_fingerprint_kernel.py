"""Of nerve's own modules, those that decide values count for fingerprints, and no others.

A new module of the kernel has to be put into one of the three groups here.
"""

from __future__ import annotations

import dataclasses
import sys
import tokenize
from collections.abc import Callable, Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from eventstore.counted_code import KERNEL, WITHOUT_VALUES, counted_code
from eventstore.fingerprint import code_fingerprint
from projections.kernel import View
from projections.storage.view_fingerprint import QUERY_SIDE
from tests.helpers.fresh_sources import forget_sources
from tests.helpers.reworded_errors import reworded

ROOT = Path(__file__).parents[2]

ALWAYS = [
    "domain.kernel.event",
    "domain.kernel.event_data",
    "domain.kernel.fields",
    "domain.kernel.severity",
    "domain.kernel.types.annotations",
    "domain.kernel.types.model_making",
    "domain.kernel.types.nodes",
    "domain.kernel.types.record_encoders",
    "domain.kernel.types.record_fields",
    "domain.kernel.types.stored_records",
    "domain.kernel.types.stored_scalars",
    "domain.kernel.types.stored_values",
    "domain.kernel.types.value_decoding",
    "domain.kernel.types.value_structure",
    "domain.kernel.upcasting",
    "projections.kernel.keys",
]
"""Count for each fold: they lead from a stored event to its payload, or a fold is declared with them."""

WHERE_IMPORTED = [
    "domain.kernel.data_carrier",
    "domain.kernel.rfc3339",
    "domain.kernel.schemas",
    "domain.kernel.types.json_reading",
    "domain.kernel.types.json_values",
    "domain.kernel.types.text_forms",
    "domain.process.copies",
    "domain.process.effect_ids",
    "domain.process.events",
    "domain.process.inputs",
    "domain.process.instance",
    "domain.process.instance_state",
    "domain.process.open_effects",
    "domain.process.personal_values",
    "domain.process.saga",
    "projections.kernel.merging",
]
"""Count for the folds that import them."""

NEVER = [
    "domain.kernel",
    "domain.kernel.access",
    "domain.kernel.aggregate",
    "domain.kernel.catalog",
    "domain.kernel.context_calls",
    "domain.kernel.command",
    "domain.kernel.command_checks",
    "domain.kernel.conditions",
    "domain.kernel.conflicts",
    "domain.kernel.context",
    "domain.kernel.declaration_checks",
    "domain.kernel.errors",
    "domain.kernel.faults",
    "domain.kernel.input_messages",
    "domain.kernel.limit_errors",
    "domain.kernel.made_events",
    "domain.kernel.name_checks",
    "domain.kernel.names",
    "domain.kernel.obstacles",
    "domain.kernel.state_checks",
    "domain.kernel.tenants",
    "domain.kernel.personal",
    "domain.kernel.code_locations",
    "domain.kernel.types",
    "domain.kernel.types.record_checks",
    "domain.kernel.types.refusals",
    "domain.kernel.types.storable_checks",
    "domain.kernel.unique",
    "domain.kernel.unique_errors",
    "domain.kernel.unreadable",
    "domain.kernel.user_exceptions",
    "domain.integration",
    "domain.integration.context",
    "domain.integration.json_input",
    "domain.integration.received_events",
    "domain.process",
    "domain.process.advance",
    "domain.process.commands",
    "domain.process.context",
    "domain.process.declaration_checks",
    "domain.process.effect_checks",
    "domain.process.effect_events",
    "domain.process.effects",
    "domain.process.keys",
    "domain.process.operating",
    "domain.process.outcomes",
    "domain.process.policy",
    "domain.process.policy_events",
    "domain.process.ports",
    "domain.process.process",
    "domain.process.reacting",
    "domain.process.reaction",
    "domain.process.saga_checks",
    "domain.process.set_aside",
    "domain.process.settlements",
    "domain.process.step",
    "domain.process.step_outcomes",
    "domain.process.unkeyed",
    "domain.process.unwinding",
    "projections.kernel",
    "projections.kernel.field_kinds",
    "projections.kernel.links",
    "projections.kernel.row_fields",
    "projections.kernel.view",
    "projections.kernel.view_checks",
]
"""Declare, check or word, and decide no value."""


def kernel_modules() -> list[str]:
    """Every module and package of the kernel."""
    files = [file for package in KERNEL for file in (ROOT / package.replace(".", "/")).rglob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.fixture
def folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The fingerprints of a fold that imports the two packages, and of one that imports each module."""
    sources = {
        "plain_fold": "from domain.kernel import Event\nfrom projections.kernel import View",
        "whole_fold": "\n".join(f"import {name}" for name in kernel_modules()),
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def fingerprints() -> list[str]:
        forget_sources()
        return [code_fingerprint("rows", frozenset([name])) for name in sources]

    yield fingerprints
    forget_sources()


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a changed copy of a module count as the module's file."""

    def change(name: str, edit: Callable[[str], str] = lambda source: f"{source}\nCHANGED = True\n") -> None:
        path = Path(import_module(name).__file__ or "")
        changed = tmp_path / name / path.name
        changed.parent.mkdir()
        changed.write_text(edit(path.read_text()))
        monkeypatch.setattr(sys.modules[name], "__file__", str(changed))

    return change


def test_every_module_of_the_kernel_is_in_one_group():
    assert sorted([*ALWAYS, *WHERE_IMPORTED, *NEVER]) == kernel_modules()
    packages = {
        "domain.integration",
        "domain.kernel",
        "domain.kernel.types",
        "domain.process",
        "projections.kernel",
    }
    assert set(NEVER) - WITHOUT_VALUES == packages


@pytest.mark.parametrize("name", ALWAYS)
def test_a_module_that_decides_values_counts_for_each_fold(
    name: str, folds: Callable[[], list[str]], change: Callable[..., None]
):
    before = folds()
    change(name)
    assert [new != old for new, old in zip(folds(), before, strict=True)] == [True, True]


@pytest.mark.parametrize("name", WHERE_IMPORTED)
def test_a_module_for_some_folds_counts_where_it_is_imported(
    name: str, folds: Callable[[], list[str]], change: Callable[..., None]
):
    before = folds()
    change(name)
    assert [new != old for new, old in zip(folds(), before, strict=True)] == [False, True]


@pytest.mark.parametrize("name", NEVER)
def test_a_module_that_decides_no_value_does_not_count(
    name: str, folds: Callable[[], list[str]], change: Callable[..., None]
):
    before = folds()
    change(name)
    assert folds() == before


def test_what_an_error_is_raised_with_does_not_count(
    folds: Callable[[], list[str]], change: Callable[..., None]
):
    before = folds()
    for name in (*ALWAYS, *WHERE_IMPORTED):
        change(name, reworded)
    assert folds() == before


def test_whether_an_error_is_raised_counts(folds: Callable[[], list[str]], change: Callable[..., None]):
    before = folds()
    change("domain.kernel.fields", lambda source: source.replace("not math.isfinite(value)", "value == 0"))
    assert folds() != before


@pytest.mark.parametrize("name", [*ALWAYS, *WHERE_IMPORTED])
def test_no_sentence_counts(name: str):
    """Words that are in no `raise` belong into one of the modules that never count."""
    if name in WITH_SENTENCES:
        return
    path = Path(import_module(name).__file__ or "")
    code = counted_code(name, path, frozenset()).code
    strings = [token.string for token in tokens(code) if token.type in STRINGS]
    assert [text for text in strings if len(text.split()) > 3] == []


WITH_SENTENCES = (
    "domain.kernel.schemas",
    "domain.kernel.rfc3339",
    "domain.kernel.types.text_forms",
    "domain.kernel.types.record_encoders",
)
"""Their words are those of the values that they read and write, or code; few folds import the first three."""

STRINGS = (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))


def tokens(code: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(StringIO(code).readline)


def test_of_what_a_view_declares_each_field_counts_or_is_of_its_queries():
    declared = {field.name for field in dataclasses.fields(View)}
    assert declared - set(QUERY_SIDE) == {"name", "context", "row", "key", "apply", "also_reads"}
    assert set(QUERY_SIDE) <= declared
