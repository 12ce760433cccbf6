"""The file of a module, and the published distribution that it was installed from, if any."""

from __future__ import annotations

import site
import sys
import sysconfig
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

LOCAL = "direct_url.json"
"""A file in the metadata of a distribution that pip or uv installed from a folder or a repository (PEP 610).

The version of such a distribution does not identify its code.
"""


def file_of(module: str) -> Path | None:
    """Return the file of a module, loaded or not; None if it has no file or does not exist.

    Imports nothing, because loading a module may have effects.
    """
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
    else:
        spec = _spec(module)
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file) if file else None


@cache
def read_source(path: Path) -> bytes:
    """Return the content of a file of code, which is read once: it is that of the code that runs."""
    return path.read_bytes()


def _spec(module: str) -> ModuleSpec | None:
    parent = module.rpartition(".")[0]
    try:
        if not parent:
            return find_spec(module)
        if parent in sys.modules:
            # A module that is no package has no modules in it.
            folders = getattr(sys.modules[parent], "__path__", None)
        else:
            spec = _spec(parent)
            folders = spec and spec.submodule_search_locations
        return PathFinder.find_spec(module, folders) if folders else None
    except (ImportError, ValueError):
        return None


@cache
def published_distribution(package: str) -> str | None:
    """Return name and version of the published distribution that a top-level package was installed from.

    None for all other packages: those in the working directory or on the Python path, and those installed
    from a folder or a repository, editable or not.
    """
    file = file_of(package)
    if file is not None and not any(map(file.is_relative_to, _site_packages())):
        return None
    providers = (found for found in metadata.distributions() if _provides(found, package))
    distributions = [metadata.distribution(name) for name in sorted({found.name for found in providers})]
    if not distributions or any(distribution.read_text(LOCAL) for distribution in distributions):
        return None
    return ", ".join(f"{distribution.name} {distribution.version}" for distribution in distributions)


def _provides(distribution: metadata.Distribution, package: str) -> bool:
    """Return whether the package, or a module of its name, is one of those at the top of the distribution.

    `metadata.packages_distributions` looks for all packages, which takes each process 0.15 s.
    """
    declared = distribution.read_text("top_level.txt")
    if declared is not None:
        return package in declared.split()
    files = (distribution.read_text("RECORD") or "").splitlines()
    return any(file.startswith((f"{package}/", f"{package}.")) for file in files)


@cache
def _site_packages() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    folders = (paths["purelib"], paths["platlib"], site.getusersitepackages(), *site.getsitepackages())
    return tuple(dict.fromkeys(map(Path, folders)))
