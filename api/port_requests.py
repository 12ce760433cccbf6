"""The requests to outside ports that a process may send."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from domain.process.context import ProcessContext
from domain.process.ports import Request


def port_requests(context: ProcessContext) -> Iterator[type[Request[Any]]]:
    """Yield the requests that a process may send: those of its package, and those that its module imports.

    A module at the top is a package of its own.
    """
    module = sys.modules[context.process.__module__]
    names = set(_module_names(module))
    for request in _requests(Request):
        if hasattr(request, "port") and (
            request in names or _package(request.__module__) == _package(module.__name__)
        ):
            yield request


def _module_names(module: ModuleType) -> Iterator[Any]:
    """Yield the classes that a module names, directly or as attributes of the modules that it imports."""
    for value in vars(module).values():
        values = vars(value).values() if isinstance(value, ModuleType) else (value,)
        yield from (each for each in values if isinstance(each, type))


def _requests(base: type[Request[Any]]) -> Iterator[type[Request[Any]]]:
    for request in base.__subclasses__():
        yield request
        yield from _requests(request)


def _package(module: str) -> str:
    return module.rpartition(".")[0] or module
