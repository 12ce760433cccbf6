"""Each row of a file is counted once, and what is not understood is refused with its line."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.errors import ValidationFailed
from tests.helpers import log_files
from tests.helpers.memory_import import MemoryImport
from tests.helpers.mutated_files import check_import, mutate


@pytest.fixture
def log(tmp_path: Path) -> MemoryImport:
    return MemoryImport(tmp_path)


def test_an_open_quote_loses_only_its_own_row(log: MemoryImport) -> None:
    assert log.counts(log.run("open-quote.csv", log_files.OPEN_QUOTE)) == {"stored": 5, "refused": 1}
    assert log.refused[0].line == 3
    assert set(log.workflows) == {f"workflow-u{number}" for number in (1, 3, 4, 5, 6)}


def test_a_quote_that_another_row_closes_swallows_no_row(log: MemoryImport) -> None:
    content = log_files.OPEN_QUOTE.replace(
        "u5,Open,Ana,2024-03-01T08:00:00Z,fine", 'u5,Open,Ana,2024-03-01,"x"'
    )
    assert log.counts(log.run("log.csv", content)) == {"stored": 5, "refused": 1}
    content = log_files.OPEN_QUOTE.replace(
        "u5,Open,Ana,2024-03-01T08:00:00Z,fine", 'u7,Open,Ana,2024-03-01,x"'
    )
    assert log.counts(log.run("log.csv", content)) == {"known": 4, "refused": 1, "stored": 1}


def test_a_text_of_several_lines_is_one_field(log: MemoryImport) -> None:
    content = 'case,activity,timestamp,note\nc,Open,2024-03-01,"a\nb, c\n\nd"\nd,Open,never,x\n'
    assert log.counts(log.run("log.csv", content)) == {"stored": 1, "refused": 1}
    assert log.refused[0].line == 6
    [task] = log.tasks.values()
    assert task["result"] == {"note": "a\nb, c\n\nd"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("sign-in-page.xes", log_files.SIGN_IN_PAGE, "is no XES"),
        ("page.xes", "<html><body/></html>", "its root element is 'html'"),
        ("empty.xes", "<log><trace/></log>", "has no row"),
        ("nothing.xes", "", "is no XES"),
        ("unknown.xes", '<?xml version="1.0" encoding="klingon"?><log/>', "'klingon'"),
        ("empty.csv", "case,activity,timestamp\n", "has no row"),
        ("nothing.csv", "", "lacks case:concept:name"),
        ("page.csv", log_files.SIGN_IN_PAGE, "lacks case:concept:name"),
        ("twice.csv", "case,activity,timestamp,note,note\n", "'note' twice"),
        ("nothing.jsonl", "\n", "has no row"),
        ("nothing.json", "[]", "has no row"),
        ("cut.json", log_files.BATCH[:-1], "is not JSON"),
        ("ocel.json", '{"objectTypes": [], "eventTypes": [], "events": []}', "is OCEL"),
        ("ocel1.json", '{"ocel:global-log": {}, "ocel:events": {}, "ocel:objects": {}}', "is OCEL"),
        ("ocel.xes", "<log><object-types/><event-types/><objects/><events/></log>", "is OCEL"),
    ],
)
def test_a_file_without_a_row_or_of_another_format_is_refused(
    log: MemoryImport, name: str, content: str, reason: str
) -> None:
    with pytest.raises(ValidationFailed, match=reason) as refusal:
        log.run(name, content)
    assert name in str(refusal.value)
    assert not log.bus.history.commits


def test_events_of_a_trace_that_does_not_end_are_refused_and_counted(log: MemoryImport) -> None:
    cut = log_files.STRING_TIMES.partition("</x:trace>")[0]
    assert log.counts(log.run("log.xes", cut)) == {"refused": 3}
    assert [row.line for row in log.refused] == [4, 5, 6]


def test_events_before_a_byte_of_another_encoding_are_stored(log: MemoryImport) -> None:
    event = log_files.CHINESE.partition("<trace>")[2].partition("</log>")[0].encode("gbk")
    content = log_files.CHINESE.encode("gbk").replace(
        b"</log>", b"<trace>" + event.replace(b"/><", b"\xff/><")
    )
    assert log.counts(log.run("log.xes", content)) == {"stored": 1, "refused": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated")


@settings(max_examples=200)
@given(name=st.sampled_from(sorted(log_files.FILES)), dice=st.randoms(use_true_random=False))
def test_no_mutation_of_a_file_is_miscounted(folder: Path, name: str, dice: Random) -> None:
    """`make faults ONLY=import` has 1,000 of each file."""
    check_import(folder, name, mutate(log_files.FILES[name], dice))
