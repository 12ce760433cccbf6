"""The lines of docs/access.md protect README's ledgers by owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.access.callers import Caller
from domain.kernel import Scope
from tests.helpers.command_line import CLI
from tests.helpers.documentation import README, ROOT, code_blocks
from tests.helpers.served_api import Served
from tests.helpers.token_access import Tokens, serve_with

PAGE = ROOT / "docs" / "access.md"
CREATE = 'mutation { createLedger(input: {name: "Cash"}, await: PROJECTED) { ledger { id ownerId } } }'
LIST = "{ ledgers { totalCount nodes { name ownerId } } }"
CALLERS = {"ada": (), "bob": (), "eve": ("auditor",)}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """README's context with the lines of the page, in a package of its own name."""
    view, command = code_blocks(PAGE, "python")
    text = re.findall(r"`ledger/__init__.py`:\n\n```python\n(.*?)```", README.read_text(), re.S)[0]
    before = re.search(r"class CreateLedger\(.*?    name: Name\n", text, re.S)
    assert before is not None
    imported = "from domain.kernel.fields import Name\n"
    text = text.replace(before[0], command).replace(
        imported, f"from domain.kernel.access import signed_in\n{imported}"
    )
    folder = tmp_path_factory.mktemp("docs")
    name = "ledger_of_the_docs"
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text)
    (folder / name / "view.py").write_text(view)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield name


@pytest.fixture(scope="module")
def served(package: str, mongo_url: str, redis_url: str) -> Iterator[tuple[Served, dict[str, str]]]:
    tokens = Tokens()
    headers = {
        name: tokens.grant(name, Caller(Scope("default", name), name, frozenset(roles)))
        for name, roles in CALLERS.items()
    }
    contexts = (package, f"{package}.view")
    with serve_with(tokens, mongo_url, redis_url, contexts=contexts, worker=True) as served:
        yield served, headers


def run(served: tuple[Served, dict[str, str]], caller: str, query: str) -> Any:
    api, headers = served
    response = api.post({"query": query}, authorization=headers[caller]).json()
    assert "errors" not in response, response
    [value] = response["data"].values()
    return value


def test_a_ledger_is_visible_to_its_creator_and_to_auditors(served: tuple[Served, dict[str, str]]) -> None:
    ledger = run(served, "ada", CREATE)["ledger"]
    assert ledger["ownerId"] == "ada"
    mine = {"totalCount": 1, "nodes": [{"name": "Cash", "ownerId": "ada"}]}
    assert {caller: run(served, caller, LIST) for caller in CALLERS} == {
        "ada": mine,
        "bob": {"totalCount": 0, "nodes": []},
        "eve": mine,
    }
    one = f'{{ ledger(id: "{ledger["id"]}") {{ name }} }}'
    assert [run(served, caller, one) for caller in CALLERS] == [{"name": "Cash"}, None, {"name": "Cash"}]


def test_the_lines_that_protect_a_view_are_ten(package: str) -> None:
    """Those of the view that README's view does not have, and that are no imports or blank."""
    view, _ = code_blocks(PAGE, "python")
    before = set(
        re.findall(r"`ledger/view.py`:\n\n```python\n(.*?)```", README.read_text(), re.S)[0].splitlines()
    )
    assert len([line for line in view.splitlines() if line.strip() and line not in before]) <= 10


def test_the_explanation_is_printed_as_the_page_shows_it(tmp_path: Path) -> None:
    """Also where the terminal is too narrow for its lines."""
    [command] = code_blocks(PAGE, "sh")
    shown = re.findall(r"```\n(field .*?)```", PAGE.read_text(), re.S)[0]
    document = command[command.rindex("'{") + 1 : command.rindex("'")]
    arguments = ["access", "explain", "--as", "subject=ada,roles=editor,tenant=acme", document]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(CLI, arguments)
    assert result.exit_code == 0, result.output
    printed = [line.rstrip() for line in result.output.splitlines()]
    assert printed == [line.rstrip() for line in shown.splitlines()]
