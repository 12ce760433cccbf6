"""The files of a new context: its declaration, its view, and the tests of both.

The code is formatted as by `ruff format` with its default length of lines. A line that is too long is broken
with a trailing comma, so that other lengths leave it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.scaffold.names import ContextNames

LINE_LENGTH = 88

DECLARATION = "__init__.py"
VIEW_MODULE = "view"


def context_files(names: ContextNames) -> Mapping[str, str]:
    """Return the text of each file of the context's package, by its name."""
    return {
        DECLARATION: _declaration(names),
        f"{VIEW_MODULE}.py": _view(names),
        f"test_{names.package}.py": _test(names),
    }


def _declaration(names: ContextNames) -> str:
    name = names.class_name
    return f'''"""{names.plural_words.capitalize()}, each with a name."""

from dataclasses import dataclass, replace

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts
from domain.kernel.fields import Name


{_commands(names)}


{_event(names, "Created", "created")}


{_event(names, "Renamed", "renamed")}


{_union(f"{name}Command", f"Create{name}", f"Rename{name}")}
{_union(f"{name}Event", f"{name}Created", f"{name}Renamed")}


{_aggregate(names)}


{_call("context = Context", [f'"{names.plural}"', name])}
'''


def _commands(names: ContextNames) -> str:
    return f'''class Create{names.class_name}(CreateCommand):
    """Create {names.article} {names.words}."""

    name: Name


class Rename{names.class_name}(ChangeCommand):
    """Give the {names.words} another name."""

    name: Name'''


def _aggregate(names: ContextNames) -> str:
    name = names.class_name
    base = f"Aggregate[{name}Command, {name}Event]"
    decide = _call(
        "    def decide", ["self", f"command: {name}Command", "facts: Facts"], f" -> list[{name}Event]:"
    )
    evolve = _call("    def evolve", ["self", f"event: {name}Event"], f' -> "{name}":')
    rename = f"                return [] if name == self.name else [{name}Renamed(name=name)]"
    if len(rename) > LINE_LENGTH:
        rename = f"""\
                if name == self.name:
                    return []
                return [{name}Renamed(name=name)]"""
    return f'''@dataclass(frozen=True, slots=True)
{_class(name, [base])}
    """{names.article.capitalize()} {names.words}."""

    category = "{names.category}"
    name: str = ""

{decide}
        match command:
            case Create{name}(name=name):
                return [{name}Created(name=name)]
            case Rename{name}(name=name):
{rename}

{evolve}
        return replace(self, name=event.name)'''


def _view(names: ContextNames) -> str:
    singular = [] if names.singular == names.category else [f'singular="{names.singular}"']
    view = _call(
        "view = View",
        ["context=context", "row=Row", "apply=apply", *singular, 'filters=("name",)', 'orders=("name",)'],
    )
    return f'''"""{names.plural_words.capitalize()} as the API shows them."""

from typing import TypedDict

from domain.kernel import RecordedEvent
from projections.kernel import View

{_import(".", [f"{names.class_name}Event", "context"])}


class Row(TypedDict):
    """{names.article.capitalize()} {names.words}."""

    id: str
    name: str


def apply(id: str, row: Row | None, event: RecordedEvent) -> Row | None:
    """Return the {names.words} after the event."""
    if isinstance(event.payload, {names.class_name}Event):
        return Row(id=id, name=event.payload.name)
    return row


{view}
'''


def _test(names: ContextNames) -> str:
    name = names.class_name
    classes = [name, f"Create{name}", f"Rename{name}", f"{name}Created", f"{name}Renamed"]
    return f'''"""Tests of {names.plural_words}: given events, when a command, then events."""

from domain.testing import given
from projections.testing import History

{_import(".", classes)}
from .{VIEW_MODULE} import view

ID = "{names.category}-1"
CREATED = {name}Created(name="First")
RENAMED = {name}Renamed(name="Second")


def test_{names.article}_{names.singular}_is_created() -> None:
    """It has the name of the command."""
    command = Create{name}(name="First")
    given({name}).when(command).then(CREATED)


def test_{names.article}_{names.singular}_is_renamed() -> None:
    """The same name again changes nothing."""
    command = Rename{name}(id=ID, name="Second")
    given({name}, CREATED).when(command).then(RENAMED)
    given({name}, CREATED, RENAMED).when(command).then_nothing()


def test_the_view_shows_the_last_name() -> None:
    """Each {names.words} is one row."""
    history = History().add(ID, CREATED).add(ID, RENAMED)
    assert history.rows(view) == {{ID: {{"id": ID, "name": "Second"}}}}
'''


def _event(names: ContextNames, participle: str, suffix: str) -> str:
    head = _class(f"{names.class_name}{participle}", ["Event", f'type="{names.event_prefix}.{suffix}"'])
    return f'{head}\n    """{names.article.capitalize()} {names.words} was {suffix}."""\n\n    name: str'


def _class(name: str, bases: Sequence[str]) -> str:
    return _call(f"class {name}", bases, ":")


def _union(name: str, first: str, second: str) -> str:
    line = f"{name} = {first} | {second}"
    return line if len(line) <= LINE_LENGTH else f"{name} = (\n    {first} | {second}\n)"


def _import(module: str, names: Sequence[str]) -> str:
    """Return an import of classes, in their order, and of other names after them."""
    ordered = sorted(names, key=lambda name: (name.islower(), name))
    line = f"from {module} import {', '.join(ordered)}"
    return line if len(line) <= LINE_LENGTH else _call(f"from {module} import ", ordered)


def _call(head: str, arguments: Sequence[str], tail: str = "") -> str:
    """Return arguments in parentheses between `head` and `tail`, in as many lines as they need."""
    line = f"{head}({', '.join(arguments)}){tail}"
    if len(line) <= LINE_LENGTH:
        return line
    indent = " " * (len(head) - len(head.lstrip()))
    lines = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{head}(\n{lines}{indent}){tail}"
