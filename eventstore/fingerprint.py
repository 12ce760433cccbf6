"""What code something is made by, as one short text that changes when the code does."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple

from domain.kernel import Context

KERNEL = "domain"
"""The package that every context builds on."""

Argument = tuple[str, str]
"""What is called, by its last name, and a keyword that is given to it."""


def code_fingerprint(made: str, modules: Iterable[str], aside: frozenset[Argument] = frozenset()) -> str:
    """The fingerprint of what is `made` by these modules and by all that these import.

    Followed are imports within the packages of the modules and within nerve's own domain: any of it may take
    part. Layout, comments and docstrings do not count, nor what is given as one of the arguments `aside`.
    """
    digest = hashlib.sha256(made.encode())
    for name, code in sorted(_codes(set(modules), aside).items()):
        digest.update(f"\0{name}\0{code}".encode())
    return digest.hexdigest()


def modules_of(contexts: Iterable[Context], *declared: Any) -> set[str]:
    """The modules of what is declared, and of the events and upcasters of the contexts."""
    found = set(declared)
    for context in contexts:
        found |= {*context.events, *(step.function for step in context.upcasters)}
    return {one.__module__ for one in found}


def _codes(roots: set[str], aside: frozenset[Argument]) -> dict[str, str]:
    packages = {KERNEL, *(name.partition(".")[0] for name in roots)}
    found: dict[str, str] = {}
    to_do = set(roots)
    while to_do:
        name = to_do.pop()
        module = _module(name, aside)
        if name not in found and module is not None:
            found[name] = module.code
            parents = {name.rpartition(".")[0]} - {""}
            to_do |= parents | {one for one in module.imports if one.partition(".")[0] in packages}
    return found


class _Module(NamedTuple):
    """`imports` is every name that an import anywhere in the code may take for a module."""

    code: str
    imports: frozenset[str]


@cache
def _module(name: str, aside: frozenset[Argument]) -> _Module | None:
    """What counts of a module; None for what is no module, or has no source."""
    loaded = sys.modules.get(name)
    try:
        spec = None if loaded else find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = getattr(loaded, "__file__", None) if loaded else spec and spec.origin
    if not origin or not origin.endswith(".py"):
        return None
    tree = ast.parse(Path(origin).read_bytes())
    package = name if Path(origin).stem == "__init__" else name.rpartition(".")[0]
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
