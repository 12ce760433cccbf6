"""What code an aggregate's state is made by, as one short text that changes when the code does."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from domain.kernel import Aggregate, Context

KERNEL = "domain"
"""The package that every context builds on."""


def fingerprint(aggregate: type[Aggregate[Any, Any]], contexts: Iterable[Context]) -> str:
    """The fingerprint of the aggregate, of the contexts of its category, and of all modules these import.

    Followed are imports within the packages of the contexts and within nerve's own domain: any of it may take
    part in a fold. pydantic counts by its version, since it reads the states.
    """
    digest = hashlib.sha256(f"{aggregate.__module__}.{aggregate.__qualname__} {pydantic.VERSION}".encode())
    for name, source in sorted(_sources(_roots(aggregate, contexts)).items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(source)
    return digest.hexdigest()


def _roots(aggregate: type[Aggregate[Any, Any]], contexts: Iterable[Context]) -> set[str]:
    """The modules that declare the aggregate, its events and its upcasters."""
    declared: list[Any] = [aggregate]
    for context in contexts:
        if context.category == aggregate.category:
            declared += [*context.events, *(step.function for step in context.upcasters)]
    return {one.__module__ for one in declared}


def _sources(roots: set[str]) -> dict[str, bytes]:
    packages = {KERNEL, *(name.partition(".")[0] for name in roots)}
    found: dict[str, bytes] = {}
    to_do = set(roots)
    while to_do:
        name = to_do.pop()
        module = _module(name)
        if name not in found and module is not None:
            found[name] = module.source
            parents = {name.rpartition(".")[0]} - {""}
            to_do |= parents | {one for one in module.imports if one.partition(".")[0] in packages}
    return found


class _Module(NamedTuple):
    """`imports` is every name that an import anywhere in the source may take for a module."""

    source: bytes
    imports: frozenset[str]


@cache
def _module(name: str) -> _Module | None:
    """The source of a module; None for what is no module, or has no source."""
    loaded = sys.modules.get(name)
    try:
        spec = None if loaded else find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = getattr(loaded, "__file__", None) if loaded else spec and spec.origin
    if not origin or not origin.endswith(".py"):
        return None
    source = Path(origin).read_bytes()
    package = name if Path(origin).stem == "__init__" else name.rpartition(".")[0]
    return _Module(source, frozenset(_imports(package, source)))


def _imports(package: str, source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
