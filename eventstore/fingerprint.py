"""What code something is made by, as one short text that changes when the code does."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from typing import Any, NamedTuple

from domain.kernel import Context
from eventstore.sources import file_of, published

KERNEL = "domain"
"""The package that every context builds on."""

KERNEL_MODULES = ("domain.kernel.", "projections.kernel.")
"""Modules of nerve that contexts and views are declared with."""

FOUNDATION = frozenset({"domain", "domain.kernel", "projections", "projections.kernel"})
"""Their packages, and those that these are in."""

SEPARATOR = "."

MACHINERY = frozenset({"api", "eventstore", "projections", "subscriptions"})
"""nerve's other packages: they find and show rows, and make none, except for modules of a view in them."""

Argument = tuple[str, str]
"""What is called, by its last name, and a keyword that is given to it."""


def code_fingerprint(made: str, modules: Iterable[str], aside: frozenset[Argument] = frozenset()) -> str:
    """The fingerprint of what is `made` by these modules and by all that these import.

    Imports are followed into all code of the user, in whatever package it is, and into nerve's own domain:
    any of it may take part. Packages that somebody else publishes count by their name and version, the
    standard library and nerve's machinery not at all. Layout, comments and docstrings do not count, nor what
    is given as one of the arguments `aside`. Its two parts are of the user's code and of nerve's own.
    """
    user, nerve = hashlib.sha256(made.encode()), hashlib.sha256()
    for name, code in sorted(_codes(set(modules), aside).items()):
        digest = nerve if name in FOUNDATION or name.startswith(KERNEL_MODULES) else user
        digest.update(f"\0{name}\0{code}".encode())
    return f"{user.hexdigest()}{SEPARATOR}{nerve.hexdigest()}"


def same_fold(one: str, other: str) -> bool:
    """Whether what has these fingerprints folds alike: they differ in nerve's own code at most.

    True also where that is unknown, as of a fingerprint that an earlier version of nerve has made.
    """
    if SEPARATOR not in one or SEPARATOR not in other:
        return True
    return one.partition(SEPARATOR)[0] == other.partition(SEPARATOR)[0]


def modules_of(contexts: Iterable[Context], *declared: Any) -> set[str]:
    """The modules of what is declared, and of the events and upcasters of the contexts."""
    found = set(declared)
    for context in contexts:
        found |= {*context.events, *(step.function for step in context.upcasters)}
    return {one.__module__ for one in found}


def _codes(roots: set[str], aside: frozenset[Argument]) -> dict[str, str]:
    """What counts of each module, by its name, and of each published distribution nothing but its name."""
    own = {KERNEL, *map(_package, roots)}
    found: dict[str, str] = {}
    seen: set[str] = set()
    to_do = set(roots)
    while to_do:
        name = to_do.pop()
        seen.add(name)
        if _package(name) not in own and (distribution := published(_package(name))) is not None:
            found[distribution] = ""
        elif (module := _module(name, aside)) is not None:
            found[name] = module.code
            parents = {name.rpartition(".")[0]} - {""}
            imports = {one for one in module.imports if _counts(one, name, own)}
            to_do |= (parents | imports) - seen
    return found


def _package(module: str) -> str:
    return module.partition(".")[0]


def _counts(imported: str, by: str, own: set[str]) -> bool:
    """Whether what this module imports may take part."""
    package = _package(imported)
    if package in own:
        return True
    # What the kernel itself imports is checked with each release of nerve.
    return package not in MACHINERY | sys.stdlib_module_names and not f"{by}.".startswith(KERNEL_MODULES)


class _Module(NamedTuple):
    """`imports` is every name that an import anywhere in the code may take for a module."""

    code: str
    imports: frozenset[str]


@cache
def _module(name: str, aside: frozenset[Argument]) -> _Module | None:
    """What counts of a module; None for what is no module. Of a compiled one, every byte counts."""
    path = file_of(name)
    if path is None:
        return None
    if path.suffix != ".py":
        return _Module(hashlib.sha256(path.read_bytes()).hexdigest(), frozenset())
    tree = ast.parse(path.read_bytes())
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    imports = frozenset(_imports(package, tree))
    return _Module(ast.unparse(_Counting(aside).visit(tree)), imports)


def _imports(package: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


class _Counting(ast.NodeTransformer):
    """Leaves in the code what counts."""

    def __init__(self, aside: frozenset[Argument]) -> None:
        self._aside = aside

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Texts that stand by themselves are documentation."""
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        node.keywords = [one for one in node.keywords if (called, one.arg) not in self._aside]
        return self.generic_visit(node)
