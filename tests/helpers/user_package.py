"""A user's own package in the working directory, and the sentence that refuses its modules."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import Settings
from domain.kernel.errors import ConfigurationError, DeclarationError

CONTEXT = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Literal, assert_never
from pydantic import BaseModel
from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts

class Open(CreateCommand):
    pass

class Shut(ChangeCommand):
    pass

class Opened(Event, type="shop.opened"):
    pass

class Closed(Event, type="shop.closed"):
    pass

ShopCommand = Open | Shut
ShopEvent = Opened | Closed

@dataclass(frozen=True)
class Shop(Aggregate[ShopCommand, ShopEvent]):
    category = "shop"

    def decide(self, command: ShopCommand, facts: Facts) -> list[ShopEvent]:
        match command:
            case Open():
                return [Opened()]
            case Shut():
                return [Closed()]
            case _:
                assert_never(command)

    def evolve(self, event: ShopEvent) -> Shop:
        match event:
            case Opened() | Closed():
                return self

context = Context("shops", Shop)
"""
VIEW = """
from typing import TypedDict
from projections.kernel import View, by_stream
from {package}.shop import context as shops

class ShopRow(TypedDict):
    id: str

def apply(id, row, event):
    return ShopRow(id=id)

view = View(name="shops", singular="shop", context=shops, row=ShopRow, key=by_stream, apply=apply)
"""


class Package:
    """A package in the working directory whose modules a test writes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder / name
        self._folder.mkdir()

    def write(self, module: str, source: str) -> str:
        """Write a module; returns its full name."""
        (self._folder / f"{module}.py").write_text(dedent(source).replace("{package}", self.name))
        return self.name if module == "__init__" else f"{self.name}.{module}"


def printed_api(*modules: str) -> str:
    """The schema of these modules."""
    declarations = load_contexts(Settings(contexts=modules))
    return print_api(declarations.catalog, declarations.views)


def refused(*modules: str) -> str:
    """The one sentence with which nerve refuses to start on these modules."""
    with pytest.raises((ConfigurationError, DeclarationError)) as error:
        printed_api(*modules)
    text = str(error.value)
    assert "\n" not in text
    return text
