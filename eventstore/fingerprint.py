"""Fingerprints of the code that rows of views and states of aggregates are made by.

A fingerprint is a short text that changes when this code changes: a view is rebuilt then, and snapshots of an
aggregate are dropped. It covers

- the modules of the fold (a view's key, fold and row; an aggregate) and of its events and upcasters, and all
  code of the user that these import, in whatever package it is;
- each package from an index that this code imports, by its name and version;
- of nerve itself only the kernel modules that decide values and are imported by that code: how events, states
  and rows are converted to their stored form and back, the defaults of fields, upcasting, and functions for
  folds.

It does not cover layout, comments and docstrings; the standard library; modules that are imported by a
computed name; data files; and the rest of nerve: the bus and its middleware, stores, processes, the machinery
of projections and transports, which pass values on, and the kernel's declarations, checks and wording
(`counted_code.WITHOUT_VALUES`). Nor does it cover the arguments of an error that the kernel raises.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from domain.kernel import Context
from domain.kernel.code_locations import is_machinery
from eventstore.counted_code import WITHOUT_VALUES, Argument, counted_code, is_kernel
from eventstore.sources import file_of, published_distribution

OWN_PACKAGES = frozenset({"domain", "projections"})
"""nerve's packages with contexts and views, whose code counts also if nerve is installed from an index."""

BUILTIN_VIEWS = "projections.builtin"
"""nerve's package of views that are part of its machinery, whose folds count all the same."""

SEPARATOR = "."


@cache
def code_fingerprint(
    subject: str, modules: frozenset[str], ignored: frozenset[Argument] = frozenset()
) -> str:
    """Return the fingerprint of what is made by these modules and by the code that they import.

    `subject` identifies what is made. `ignored` are arguments of calls that make no difference to it. The
    result has two parts: of the user's code, with nerve's own contexts and views, and of nerve's kernel.
    Several parts of a process need the same one, which is computed once: the code that runs stays the same.
    """
    user, kernel = hashlib.sha256(subject.encode()), hashlib.sha256()
    for name, code in sorted(_codes(modules, ignored).items()):
        digest = kernel if is_kernel(name) else user
        digest.update(f"\0{name}\0{code}".encode())
    return f"{user.hexdigest()}{SEPARATOR}{kernel.hexdigest()}"


def same_fold(first: str, second: str) -> bool:
    """Return whether two fingerprints are of the same fold: they differ in nerve's kernel at most.

    Also True if that is unknown, as for a fingerprint that an earlier version of nerve has made.
    """
    if SEPARATOR not in first or SEPARATOR not in second:
        return True
    return first.partition(SEPARATOR)[0] == second.partition(SEPARATOR)[0]


def modules_of(contexts: Iterable[Context], *declared: Any) -> frozenset[str]:
    """Return the modules of `declared` classes and functions, and of the contexts' events and upcasters."""
    parts = set(declared)
    for context in contexts:
        parts |= {*context.events, *(upcaster.function for upcaster in context.upcasters)}
    return frozenset(part.__module__ for part in parts)


def _codes(roots: frozenset[str], ignored: frozenset[Argument]) -> dict[str, str]:
    """Return the counted code of each module, and an empty text for each published distribution."""
    own = OWN_PACKAGES | set(map(_package, roots))
    codes: dict[str, str] = {}
    seen: set[str] = set()
    to_do = set(roots)
    while to_do:
        name = to_do.pop()
        seen.add(name)
        if not _counts(name):
            continue
        if _package(name) not in own and (distribution := published_distribution(_package(name))) is not None:
            codes[distribution] = ""
        elif (path := file_of(name)) is not None:
            module = counted_code(name, path, ignored)
            if not (is_kernel(name) and path.stem == "__init__"):
                codes[name] = module.code
            parents = {name.rpartition(".")[0]} - {""}
            imports = {imported for imported in module.imports if _is_followed(imported, name, own)}
            to_do |= (parents | imports) - seen
    return codes


def _package(module: str) -> str:
    return module.partition(".")[0]


def _counts(module: str) -> bool:
    """Whether the module may decide values: it is no machinery, or one of the kernel that does."""
    if is_kernel(module):
        return module not in WITHOUT_VALUES
    is_fold = not is_machinery(module) or module.startswith(f"{BUILTIN_VIEWS}.")
    return module not in OWN_PACKAGES and is_fold


def _is_followed(imported: str, by: str, own: frozenset[str]) -> bool:
    """Whether an import leads to code that may count.

    Other packages that the kernel imports do not count: each release of nerve is tested with them.
    """
    package = _package(imported)
    return package in own or (package not in sys.stdlib_module_names and not is_kernel(by))
