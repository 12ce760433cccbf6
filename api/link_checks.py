"""The check that links of views lead to registered views."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.kernel.errors import DeclarationError
from projections.kernel import View

_DECLARES_VIEW = re.compile(r"^view\b[^=\n]*=", re.MULTILINE)


def check_links(views: Mapping[str, View[Any]], names: Collection[str]) -> None:
    """Raise DeclarationError if a view, given by the module that registers it, links to none of these names.

    The message has every such link, since a view that is added may have links too. A link is not left out:
    it would be missing in the API without a word if its name had a mistake.
    """
    missing = {
        (module, view.name, link.to): None
        for module, view in views.items()
        for link in view.links
        if link.to not in names
    }
    if not missing:
        return
    links = " and ".join(f"the view {view!r} links to {to!r}" for _, view, to in missing)
    modules = dict.fromkeys(filter(None, (_module_of(module, to) for module, _, to in missing)))
    what = f"add {' and '.join(modules)}" if modules else "add the modules of these views"
    raise DeclarationError(
        f"contexts: {links}, which no registered module declares: {what} to `contexts`, or correct the "
        f"links; the registered views are {', '.join(sorted(names))}"
    )


def _module_of(module: str, view: str) -> str | None:
    """Return the module beside this one that has the name of the view and declares one; None without it.

    It is not imported, because it is not registered.
    """
    package = module.rpartition(".")[0]
    if not package or (spec := find_spec(f"{package}.{view}")) is None or spec.origin is None:
        return None
    declares = _DECLARES_VIEW.search(Path(spec.origin).read_text("utf-8")) is not None
    return spec.name if declares else None
