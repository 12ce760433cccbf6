"""The part of a module's code that counts for fingerprints, and the modules that it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

from eventstore.sources import read_source

Argument = tuple[str, str]
"""The last name of a called function, and the keyword of one of its arguments."""

KERNEL = ("domain.kernel", "domain.process", "domain.integration", "projections.kernel")
"""nerve's packages that contexts, processes and views are declared with."""

ACCESS = "domain.kernel.access"
"""The module of the rules of access, which change no value."""

_RULES = frozenset(("anyone", "signed_in", "nobody", "role", "owner", "claim", "where"))

_WITHOUT_VALUES = {
    "domain.kernel": (
        # What is declared: interfaces, whose subclasses and arguments are the author's own code.
        "access", "aggregate", "catalog", "command", "conditions", "conflicts", "context", "personal",
        "unique",
        # Checks of what authors declare and return, and of what clients send: they pass a value or refuse it.
        "context_calls", "command_checks", "declaration_checks", "made_events", "name_checks",
        "state_checks", "tenants", "types.record_checks", "types.storable_checks",
        # Words: errors, what they say, and the names in it.
        "code_locations", "errors", "faults", "input_messages", "limit_errors", "names", "obstacles",
        "types.refusals", "unique_errors", "unreadable", "user_exceptions",
    ),
    "domain.process": (
        # What is declared, and what it leads to: all of it is in the events.
        "advance", "commands", "context", "declaration_checks", "effect_checks", "effect_events", "effects",
        "keys", "operating", "outcomes", "policy", "policy_events", "ports", "process", "reacting",
        "reaction", "saga_checks", "set_aside", "settlements", "step", "step_outcomes", "unkeyed",
        "unwinding",
    ),
    # What is declared and what clients send: the fields of an event are in the event.
    "domain.integration": ("context", "json_input", "received_events"),
    "projections.kernel": ("field_kinds", "links", "row_fields", "view", "view_checks"),
}  # fmt: skip

WITHOUT_VALUES = frozenset(
    f"{package}.{name}" for package, names in _WITHOUT_VALUES.items() for name in names
)
"""Modules of the kernel that decide no value of an event, a state or a row. All others count."""


def is_kernel(module: str) -> bool:
    """Whether the module belongs to what contexts and views are declared with."""
    return module in KERNEL or module.startswith(tuple(f"{package}." for package in KERNEL))


class CountedCode(NamedTuple):
    """The counted code of a module; `imports` are all names in it that may be those of modules."""

    code: str
    imports: frozenset[str]


def counted_code(module: str, path: Path, ignored: frozenset[Argument]) -> CountedCode:
    """Return what counts of the module in the file, without the arguments in `ignored`.

    Layout, comments and docstrings do not count, nor, in the kernel, what an error is raised with. Of a
    compiled module every byte counts.
    """
    source = read_source(path)
    if path.suffix != ".py":
        return CountedCode(hashlib.sha256(source).hexdigest(), frozenset())
    # What a module does not call changes nothing, so that most modules are analysed once for all views.
    called = frozenset(argument for argument in ignored if argument[0].encode() in source)
    return _analyse(module, path, source, called)


@cache
def _analyse(module: str, path: Path, source: bytes, ignored: frozenset[Argument]) -> CountedCode:
    tree = ast.parse(source)
    imports = frozenset(_imports(module, path, tree))
    stripped = (_KernelStripper if is_kernel(module) else _Stripper)(ignored).visit(tree)
    return CountedCode(ast.unparse(stripped), imports)


def _imports(module: str, path: Path, tree: ast.Module) -> Iterator[str]:
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for statement in _statements(tree):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            base = resolve_name("." * statement.level + (statement.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements below, without a visit to their expressions, which are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(block, field, ()):
            yield statement
            yield from _statements(statement)


class _Stripper(ast.NodeTransformer):
    """Removes what does not count: docstrings, rules of access and ignored arguments.

    Comments and layout are in no tree.
    """

    def __init__(self, ignored: frozenset[Argument]) -> None:
        self._ignored = ignored

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module == ACCESS else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [statement for statement in node.body if not _is_access_rule(statement)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        node.keywords = [keyword for keyword in node.keywords if (called, keyword.arg) not in self._ignored]
        return self.generic_visit(node)


def _is_access_rule(statement: ast.stmt) -> bool:
    """Return whether the statement of a class's body is ``access = …`` with a rule of the kernel."""
    if not isinstance(statement, ast.Assign) or [ast.unparse(target) for target in statement.targets] != [
        "access"
    ]:
        return False
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    return bool(names) and names <= _RULES


class _KernelStripper(_Stripper):
    """Also removes what the kernel raises errors with, and its imports of modules that do not count."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in WITHOUT_VALUES else node
