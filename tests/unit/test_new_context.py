"""`nerve new`: what it writes, how it registers that, and what it refuses without writing anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from api.cli import new
from api.scaffold.names import MAX_LENGTH, ContextNames
from api.scaffold.new_context import write_context
from api.scaffold.registration import register_module
from api.settings import Settings
from domain.kernel.errors import ConfigurationError

NOBODY = 65534
DEFAULTS = Settings.model_fields["contexts"].default


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, whose modules can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def registered(folder: Path) -> list[str]:
    contexts: list[str] = yaml.safe_load((folder / "nerve.yaml").read_text())["contexts"]
    return contexts


@pytest.mark.parametrize(
    ("package", "singular", "plural", "class_name", "category"),
    [
        ("ledger", "ledger", "ledgers", "Ledger", "ledger"),
        ("orders", "order", "orders", "Order", "order"),
        ("purchase_order", "purchase_order", "purchase_orders", "PurchaseOrder", "purchaseorder"),
        ("address", "address", "addresses", "Address", "address"),
        ("addresses", "address", "addresses", "Address", "address"),
        ("boxes", "box", "boxes", "Box", "box"),
        ("entry", "entry", "entries", "Entry", "entry"),
        ("entries", "entry", "entries", "Entry", "entry"),
        ("survey", "survey", "surveys", "Survey", "survey"),
        ("status", "status", "statuses", "Status", "status"),
        ("tie", "tie", "ties", "Tie", "tie"),
    ],
)
def test_names_follow_from_the_singular_or_the_plural(
    package: str, singular: str, plural: str, class_name: str, category: str
) -> None:
    names = ContextNames(package)
    assert (names.package, names.singular, names.plural) == (package, singular, plural)
    assert (names.class_name, names.category) == (class_name, category)


def test_a_context_is_a_package_that_nerve_yaml_registers(folder: Path) -> None:
    context = write_context("till", Path())
    assert [str(file) for file in context.files] == ["till/__init__.py", "till/view.py", "till/test_till.py"]
    assert files(folder).keys() == {*map(str, context.files), "nerve.yaml"}
    assert (context.module, registered(folder)) == ("till.view", ["till.view"])
    assert context.names.mutations == ("createTill", "renameTill")
    assert context.names.queries == ("till", "tills")


def test_a_folder_below_is_part_of_the_modules_name(folder: Path) -> None:
    (folder / "shop").mkdir()
    assert write_context("basket", Path("shop")).module == "shop.basket.view"
    assert registered(folder) == ["shop.basket.view"]
    assert "shop/basket/view.py" in files(folder)


@pytest.mark.parametrize("name", ["my-shop", "../elsewhere"])
def test_any_other_folder_is_a_project_of_its_own(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started_in = folder / "started"
    started_in.mkdir()
    monkeypatch.chdir(started_in)
    project = started_in / name
    project.mkdir(exist_ok=True)
    new.new(f"parcel_{name[-1]}", Path(name))
    assert registered(project) == [f"parcel_{name[-1]}.view"]
    shown = capsys.readouterr().out
    assert f"wrote {name}/parcel_{name[-1]}/__init__.py\n" in shown
    assert f"`nerve dev` in {name} serves " in shown


def test_with_contexts_in_the_environment_the_author_is_told_to_add_it_there(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NERVE_CONTEXTS", "domain.documents")
    new.new("invoice_x")
    assert (
        "NERVE_CONTEXTS is set and overrides nerve.yaml; add invoice_x.view to it" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("contexts:\n  - a.b\n", "contexts:\n  - a.b\n  - new\n"),
        ("contexts:\n- a.b  # first\n\nport: 1\n", "contexts:\n- a.b  # first\n- new\n\nport: 1\n"),
        ("port: 1\ncontexts:\n    - a\n    - b", "port: 1\ncontexts:\n    - a\n    - b\n    - new\n"),
        ("contexts: [a, b]  # all\n", "contexts: [a, b, new]  # all\n"),
        ("contexts: []\nport: 1\n", "contexts: [new]\nport: 1\n"),
        ("# none yet\n", "# none yet\n\ncontexts:\n  - served\n  - new\n"),
        ("port: 1", "port: 1\n\ncontexts:\n  - served\n  - new\n"),
        ("", "contexts:\n  - served\n  - new\n"),
    ],
)
def test_a_module_is_added_and_the_rest_of_the_file_stays(before: str, after: str) -> None:
    assert register_module(before, "new", ["served"]) == after


def test_a_list_that_cannot_be_added_to_is_refused(folder: Path) -> None:
    (folder / "nerve.yaml").write_text("contexts: domain.tasks\n")
    with pytest.raises(ConfigurationError, match=r"nerve\.yaml: write `contexts` as a list.*`- crate\.view`"):
        write_context("crate", Path())
    assert files(folder) == {"nerve.yaml": "contexts: domain.tasks\n"}


def test_a_file_without_the_setting_goes_on_with_what_was_served(folder: Path) -> None:
    (folder / "nerve.yaml").write_text("port: 8000\n")
    write_context("vault", Path())
    assert registered(folder) == [*DEFAULTS, "vault.view"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("class", "class is a word of Python"),
        ("my-ledger", "'my-ledger' cannot be the name of a context: write .* as in purchase_order"),
        ("Ledger", "'Ledger' cannot be"),
        ("ledger2", "'ledger2' cannot be"),
        ("2ledgers", "'2ledgers' cannot be"),
        ("_ledger", "'_ledger' cannot be"),
        ("shop.ledger", "'shop.ledger' cannot be"),
        ("../ledger", "'../ledger' cannot be"),
        ("", "'' cannot be"),
        ("größe", "'größe' cannot be"),
        ("x" * (MAX_LENGTH + 1), "cannot be the name of a context: write at most"),
        ("event", "two classes of the name Event"),
        ("recorded", "two classes of the name RecordedEvent"),
        ("calendar", "the name 'calendar' is taken by a module"),
        ("domain", "the name 'domain' is taken by a module"),
        ("pytest", "the name 'pytest' is taken by a module"),
        ("node", "the name 'node' cannot be used: .*GraphQL type Node, which nerve"),
        ("a", "the name 'a' cannot be used: .*'as' is a word of Python"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_written(
    folder: Path, name: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as refused:
        new.new(name)
    assert "\n" not in str(refused.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["task", "tasks"])
def test_a_name_that_a_registered_context_has_is_refused(folder: Path, name: str) -> None:
    settings = "contexts: [domain.tasks, domain.agents, domain.workflows]\n"
    (folder / "nerve.yaml").write_text(settings)
    with pytest.raises(ConfigurationError, match=f"the name '{name}' cannot be used: .*the category 'task'"):
        write_context(name, Path())
    assert files(folder) == {"nerve.yaml": settings}


def test_a_wrong_context_that_is_registered_is_what_the_author_hears_of(folder: Path) -> None:
    (folder / "nerve.yaml").write_text("contexts: [nowhere_at_all]\n")
    with pytest.raises(ConfigurationError, match=r"^contexts: there is no module 'nowhere_at_all'"):
        write_context("cellar", Path())
    assert files(folder).keys() == {"nerve.yaml"}


@pytest.mark.parametrize("existing", ["garage/__init__.py", "garage"])
def test_what_exists_is_not_overwritten(folder: Path, existing: str) -> None:
    path = folder / existing
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match=r"^garage exists already"):
        write_context("garage", Path())
    assert files(folder) == {existing: "mine"}


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^there is no folder nowhere; create it first$"):
        new.new("pantry", Path("nowhere"))
    assert list(folder.iterdir()) == []


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Be a user who may not write into the folder."""
    folder.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if as_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_folder_without_rights_is_refused(folder: Path) -> None:
    message = f"^`nerve new` cannot write in {folder}: Permission denied$"
    with without_rights(folder), pytest.raises(ConfigurationError, match=message):
        write_context("attic", Path())
    assert list(folder.iterdir()) == []


def test_a_settings_file_without_rights_takes_the_package_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "nerve.yaml").write_text("contexts: [domain.agents]\n")

    def refuse(path: Path, text: str, encoding: str) -> None:
        if path.name == "nerve.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        with path.open("w") as file:
            file.write(text)

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ConfigurationError, match=r"cannot write nerve\.yaml: Permission denied"):
        write_context("shed", Path())
    assert files(folder).keys() == {"nerve.yaml"}
    assert not any(name.startswith("shed") for name in sys.modules)
