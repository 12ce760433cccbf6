"""Writes a new context into the working directory, all of it or nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import NamedTuple

from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.scaffold.names import ContextNames
from api.scaffold.registration import register_module
from api.scaffold.templates import VIEW_MODULE, context_files
from api.settings import Settings, load_settings
from api.settings_file import FILE
from domain.kernel.errors import ConfigurationError, DeclarationError


class NewContext(NamedTuple):
    """What was written: the context's module and its files, and whether the file's `contexts` are in effect.

    They are not if the environment sets NERVE_CONTEXTS.
    """

    names: ContextNames
    module: str
    files: Sequence[Path]
    is_registered: bool


def write_context(name: str, folder: Path) -> NewContext:
    """Write the package of a context into a folder below the working directory, and register it there.

    Raises ConfigurationError if the name is taken or cannot be one, or a file cannot be written.
    """
    names = ContextNames(name)
    module = _module(folder, name)
    target = folder / name
    _check_free(target, module)
    settings = load_settings()
    text = FILE.read_text(encoding="utf-8") if FILE.exists() else None
    served = () if text is None and "contexts" not in settings.model_fields_set else settings.contexts
    registered = register_module(text, module, served)
    files = context_files(names)
    try:
        with _folder_beside(target) as draft:
            _write_package(draft / name, files)
            _check_usable(draft, names, served)
            (draft / name).rename(target)
            _register(registered, target)
    except OSError as error:
        place = FILE if error.filename == str(FILE) else f"in {target.parent.absolute()}"
        raise ConfigurationError(f"`nerve new` cannot write {place}: {error.strerror}") from None
    return NewContext(names, module, [target / file for file in files], "NERVE_CONTEXTS" not in os.environ)


def _module(folder: Path, name: str) -> str:
    return ".".join((*folder.resolve().relative_to(Path.cwd()).parts, name, VIEW_MODULE))


def _check_free(target: Path, module: str) -> None:
    """Raise ConfigurationError if the context's package exists, or its module is found elsewhere."""
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another name for the context")
    first = module.partition(".")[0]
    spec = find_spec(first)
    if spec is None:
        return
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    if str(Path.cwd() / first) not in places:
        raise ConfigurationError(
            f"the name {first!r} is taken by a module of Python or of an installed package; choose another"
        )


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix=".nerve-new-", dir=target.parent))
    try:
        yield folder
    finally:
        rmtree(folder)


def _write_package(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _check_usable(draft: Path, names: ContextNames, served: Sequence[str]) -> None:
    """Raise ConfigurationError if the context clashes with a registered one or with nerve's own API."""
    try:
        with _importable(draft, names.package):
            _derive_api(*served, f"{names.package}.{VIEW_MODULE}")
    except (ConfigurationError, DeclarationError) as error:
        # If the registered contexts are wrong by themselves, their own error is the one to show.
        _derive_api(*served)
        raise ConfigurationError(f"the name {names.package!r} cannot be used: {error}") from None


def _derive_api(*modules: str) -> None:
    """Derive the API of these modules; raise ConfigurationError or DeclarationError where that fails."""
    declarations = load_contexts(Settings(contexts=modules))
    print_api(declarations.catalog, declarations.views)


@contextmanager
def _importable(folder: Path, package: str) -> Iterator[None]:
    """Let a package of this folder be imported inside the block, and leave no bytecode in the folder."""
    writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = writes_no_bytecode
        for module in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[module]


def _register(text: str, target: Path) -> None:
    try:
        FILE.write_text(text, encoding="utf-8")
    except OSError:
        rmtree(target)
        raise
