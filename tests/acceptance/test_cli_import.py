"""`nerve import` as docs/importing.md describes it: its commands, its counts and its exit codes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner, Result

from tests.helpers import log_files
from tests.helpers.command_line import CLI
from tests.helpers.documentation import ROOT, code_blocks

PAGE = ROOT / "docs" / "importing.md"
ORDERS = "Order;Step;When;lifecycle\n7;Ask;2024-03-01 08:00;start\n7;Ask;2024-03-01 09:00;Closed\n"


@pytest.fixture
def nerve(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    settings = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    return CliRunner(env=settings)


def run(nerve: CliRunner, *arguments: str, input: bytes | None = None) -> Result:
    return nerve.invoke(CLI, ["import", *arguments], input=input)


def count_commits(mongo_url: str, database: str) -> int:
    with MongoClient[dict[str, object]](mongo_url) as client:
        return client[database]["log"].count_documents({"events": {"$exists": True}})


def test_the_commands_of_the_page_do_what_it_says(nerve: CliRunner) -> None:
    [log] = code_blocks(PAGE, "csv")
    Path("process-log.csv").write_text(log)
    Path("orders.csv").write_text(ORDERS)
    [block] = [block for block in code_blocks(PAGE, "sh") if "--dry-run" in block]
    [counts] = [block for block in code_blocks(PAGE, "text") if "2 stored" in block]
    outputs = []
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        piped = Path(words[1]).read_bytes() if words[0] == "cat" else None
        result = run(nerve, *words[words.index("import") + 1 :], input=piped)
        assert result.exit_code == 0, (line, result.output)
        outputs.append(result.output)
    rows = counts.splitlines()[-1]
    dry, strict, piped_again, other_site, mapped = outputs
    assert rows in dry
    assert "9 commands would be stored" in dry
    assert dry.endswith("nothing was stored\n")
    assert counts.splitlines()[0].rpartition("): ")[2] in strict
    assert "rows: 0 stored, 2 known, 0 conflicting, 0 refused" in piped_again
    assert rows in other_site
    assert rows in mapped
    assert "separated by semicolons; case is 'Order', activity is 'Step', time is 'When'" in mapped


def test_a_strict_import_stores_nothing_unless_all_rows_are_right(
    nerve: CliRunner, mongo_url: str, database: str
) -> None:
    """Also if a row of another file is refused only in the state that earlier rows lead to."""
    Path("good.csv").write_text(log_files.DAY_1)
    header = "case,activity,timestamp,instance\n"
    Path("bad.csv").write_text(f"{header}c,Open,2024-03-01,1\nc,Open,2024-03-02,1\n")
    before = count_commits(mongo_url, database)
    refused = run(nerve, "--strict", "good.csv", "bad.csv")
    assert refused.exit_code == 1
    assert "bad.csv:3: the task is COMPLETED" in refused.output
    assert "bad.csv: rows: 1 stored, 0 known, 1 conflicting, 0 refused" in refused.output
    assert count_commits(mongo_url, database) == before
    assert run(nerve, "--strict", "good.csv").exit_code == 0
    assert count_commits(mongo_url, database) > before


def test_a_file_that_is_refused_does_not_stop_the_others(nerve: CliRunner) -> None:
    Path("page.xes").write_text(log_files.SIGN_IN_PAGE)
    Path("day1.csv").write_text(log_files.DAY_1)
    result = run(nerve, "page.xes", "day1.csv")
    assert result.exit_code == 1
    assert "nerve: page.xes: is no XES" in result.output
    assert "day1.csv: rows: 2 stored" in result.output


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--map=case", "not of the form NAME=VALUE"),
        ("--map=cost=x", "no attribute 'cost'"),
        ("--lifecycle=Closed=done", "no transition 'done'"),
        ("--encoding=klingon", "no known character encoding"),
        ("--delimiter=ab", "one character"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_read(option: str, reason: str) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(CLI, ["import", option, "none.csv"])
    assert result.exit_code == 2
    assert reason in result.output


def test_the_page_names_every_attribute_that_can_be_mapped() -> None:
    result = CliRunner(env={"COLUMNS": "300"}).invoke(CLI, ["import", "--map=cost=x", "none.csv"])
    names = result.output.partition("use ")[2].partition(" │")[0].split(", ")
    text = PAGE.read_text()
    assert len(names) > 8
    assert all(f"`{name.strip()}`" in text for name in names)
