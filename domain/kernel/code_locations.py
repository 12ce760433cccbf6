"""Locations of errors in the code of users: their file and line, not one of a library or of nerve. Pure."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

MACHINERY = (
    "api",
    "domain.dispatch",
    "domain.integration",
    "domain.kernel",
    "domain.process",
    "domain.testing",
    "eventstore",
    "projections",
    "subscriptions",
)
"""nerve's packages that run the code of contexts and views."""

VIEWS = "projections.views"
"""The package of nerve's own views, the only one inside these packages."""

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
"""Folders of the standard library and of installed packages."""


class _Frame(NamedTuple):
    module: str
    file: str
    line: int

    @property
    def top(self) -> str:
        """The top-level package of the module."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{_short(self.file, self.module)}:{self.line}"


def user_location(error: BaseException) -> str:
    """Return the innermost line of the user's own code that the error passed, as ``notes/fold.py:12``.

    That is the innermost frame outside of nerve's machinery, the standard library and installed packages. A
    package that the machinery calls directly is the user's, wherever it is installed. If there is no such
    frame, it is the frame that raised.
    """
    return _innermost(list(_frames(error)))


def running_location(frames: Iterable[FrameType]) -> str:
    """Do as `user_location` for calls that are running; the innermost one is the last."""
    return _innermost([_Frame(*_module_and_file(frame), frame.f_lineno) for frame in frames])


def _innermost(frames: Sequence[_Frame]) -> str:
    if not frames:
        return "an unknown place"
    called = next((frame for frame in frames if not is_machinery(frame.module)), frames[-1])
    own = [frame for frame in frames if _is_own(frame, called.top)]
    return str((own or frames)[-1])


def is_machinery(module: str) -> bool:
    """Return whether the module is one of nerve, and not part of a context or a view."""
    return any(_is_in(module, package) for package in MACHINERY) and not _is_in(module, VIEWS)


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def definition_location(function: Callable[..., Any]) -> str:
    """Return the file and the first line of a function, as ``notes/fold.py:12``."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return "an unknown place"
    return f"{_short(code.co_filename, function.__module__)}:{code.co_firstlineno}"


def _frames(error: BaseException) -> Iterator[_Frame]:
    for frame, line in walk_tb(error.__traceback__):
        yield _Frame(*_module_and_file(frame), line)


def _module_and_file(frame: FrameType) -> tuple[str, str]:
    return frame.f_globals.get("__name__", ""), frame.f_code.co_filename


def _is_own(frame: _Frame, called: str) -> bool:
    # Generated methods, as of dataclasses, have no file.
    if frame.file.startswith("<") or is_machinery(frame.module):
        return False
    return frame.top == called or not frame.file.startswith(LIBRARIES)


def _short(file: str, module: str) -> str:
    """Return the path of a module, relative to the folder that contains its top-level package."""
    parts = Path(file).parts
    below = len(module.split(".")) + (Path(file).stem == "__init__")
    return Path(*parts[-below:]).as_posix()
