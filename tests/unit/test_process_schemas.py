"""Schemas of the events of processes: nerve's own beside their module, a process's beside the process."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from domain.kernel import Catalog
from domain.kernel.errors import DeclarationError
from domain.process.instance import INSTANCE_EVENTS
from domain.process.saga import StepDone
from eventstore.integrity import event_schemas
from eventstore.integrity.event_schemas import kept_schemas, schema_problems, write_schemas
from tests.helpers.command_line import CLI
from tests.helpers.errands import careless
from tests.helpers.journeys import trips
from tests.helpers.user_package import CONTEXT, Package

BUILTIN = Path("domain/process/schemas")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of nerve's schemas of processes, in which those of a test's processes are written too."""
    copy = tmp_path / "schemas"
    shutil.copytree(BUILTIN, copy)
    monkeypatch.setattr(event_schemas, "_beside", lambda declared: copy)
    return copy


def test_the_schemas_of_nerves_own_events_are_kept_and_up_to_date(folders: Path) -> None:
    own = {StepDone.type, *(event.type for event in INSTANCE_EVENTS)}
    assert {path.name.removesuffix(".1.json") for path in BUILTIN.glob("*.json")} == own
    written = write_schemas(Catalog([trips]))
    assert [path.name for path in written] == ["trip.started.1.json"]
    assert schema_problems(Catalog([trips])) == []


def test_the_schemas_of_a_context_hold_no_events_that_it_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_schemas, "folder", lambda context: tmp_path)
    assert [path.name for path in write_schemas(Catalog([careless]))] == ["errand.noted.1.json"]
    types = {key.type for key in kept_schemas(Catalog([careless]))}
    assert types == {"errand.noted", *(event.type for event in INSTANCE_EVENTS)}


def test_a_change_of_nerves_own_event_that_reads_less_is_refused(folders: Path) -> None:
    path = folders / "process.failed.1.json"
    schema = orjson.loads(path.read_bytes())
    schema["properties"]["reason"] = {"type": "integer"}
    path.write_bytes(orjson.dumps(schema))
    write = "ProcessFailed would not read all that was stored as process.failed of revision 1: "
    problems = [text for text in schema_problems(Catalog([careless])) if "process.failed" in text]
    assert [text[: len(write)] for text in problems] == [write]
    with pytest.raises(DeclarationError, match="ProcessFailed would not read all that was stored"):
        write_schemas(Catalog([careless]))


PROCESS = """
from __future__ import annotations
from dataclasses import dataclass
from domain.kernel import Event, RecordedEvent, upcaster
from domain.process import Process, process_context
from {package}.shop import Closed

class TidyBegun(Event, type="tidy.begun"REVISION):
    shelves: int
    FIELD

@dataclass(frozen=True)
class Tidy(Process[Closed, TidyBegun]):
    category = "tidy"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return event.stream

    def react(self, trigger, facts):
        return [TidyBegun(shelves=1)]

    def evolve(self, event):
        return self

@upcaster("tidy.begun", 1)
def begun_1(data):
    return {**data, "by": "nobody"}

context = process_context("tidies", TidyUPCASTERS)
"""


def _version(revision: str = "", field: str = "pass", upcasters: str = "") -> str:
    source = PROCESS.replace("REVISION", revision).replace("FIELD", field)
    return source.replace("UPCASTERS", upcasters)


VERSIONS = {
    "first": _version(),
    "second": _version(field="by: str"),
    "third": _version(", revision=2", "by: str", ", (begun_1,)"),
}


def test_a_change_that_cannot_read_the_events_of_running_instances_is_refused_and_mended_by_an_upcaster(
    package: Package,
) -> None:
    shop = package.write("shop", CONTEXT)

    def check(version: str, command: str = "check") -> Result:
        name = package.write(version, VERSIONS[version])
        result = CliRunner(env={"NERVE_CONTEXTS": f"{shop},{name}"}).invoke(CLI, ["schema", command])
        del sys.modules[name]
        return result

    assert check("first", "events").exit_code == 0
    assert check("first").exit_code == 0
    refused = check("second")
    assert refused.exit_code == 1
    assert (
        "TidyBegun would not read all that was stored as tidy.begun of revision 1: 'by' must be there now"
        in refused.stderr
    )
    assert "Declare it with revision=2 and an upcaster from 1" in refused.stderr
    assert check("third", "events").exit_code == 0
    assert check("third").exit_code == 0
