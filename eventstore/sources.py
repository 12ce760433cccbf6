"""Where the code of a module comes from: its file, and whether somebody else publishes it with a version."""

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
"""The file of a distribution's metadata that pip and uv write for what was installed from a folder or a
repository, and not from a package index: its version says nothing of its code."""


def file_of(name: str) -> Path | None:
    """The file of a module, whether it is loaded or not; None for what has none or is no module.

    Imports nothing: to load a module may have effects.
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        found = getattr(loaded, "__file__", None)
    else:
        spec = _spec(name)
        found = spec.origin if spec is not None and spec.has_location else None
    return Path(found) if found else None


def _spec(name: str) -> ModuleSpec | None:
    parent = name.rpartition(".")[0]
    try:
        if not parent:
            return find_spec(name)
        places = getattr(sys.modules.get(parent), "__path__", None)
        if places is None:
            spec = _spec(parent)
            places = spec and spec.submodule_search_locations
        return PathFinder.find_spec(name, places) if places else None
    except (ImportError, ValueError):
        return None


def published(package: str) -> str | None:
    """Name and version of the published distribution that a top-level package is installed from.

    None for everything else: what lies in the working directory or on the path, and what was installed from
    a folder or a repository, editable or not.
    """
    file = file_of(package)
    if file is not None and not any(map(file.is_relative_to, _site_packages())):
        return None
    found = [metadata.distribution(name) for name in sorted(set(_distributions().get(package, ())))]
    if not found or any(one.read_text(LOCAL) for one in found):
        return None
    return ", ".join(f"{one.name} {one.version}" for one in found)


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


@cache
def _site_packages() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    named = (paths["purelib"], paths["platlib"], site.getusersitepackages(), *site.getsitepackages())
    return tuple(dict.fromkeys(map(Path, named)))
