"""Checks of the parts of dependencies that nerve uses although no release promises to keep them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import pytest


def check(library: str, module: str, expected: str, holds: object) -> None:
    """Fail with the library, the version seen, what was expected of it, and the module that relies on it."""
    __tracebackhide__ = True
    if not holds:
        pytest.fail(f"{library} {version(library)}: expected {expected}; adapt {module}", pytrace=False)


def takes(function: Callable[..., Any], *names: str) -> bool:
    """Return whether the parameters of a function begin with these, and it needs no others."""
    parameters = list(inspect.signature(function).parameters.values())
    others = parameters[len(names) :]
    return [parameter.name for parameter in parameters[: len(names)]] == [*names] and all(
        parameter.default is not parameter.empty
        or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        for parameter in others
    )


def accepts(function: Callable[..., Any], names: Sequence[str]) -> bool:
    """Return whether a function has parameters with these names, in any order."""
    return set(names) <= set(inspect.signature(function).parameters)
