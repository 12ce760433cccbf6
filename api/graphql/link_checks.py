"""The check that links of views lead to registered views."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.kernel.errors import DeclarationError
from projections.kernel import View

_DECLARES_VIEW = re.compile(r"^view\b[^=\n]*=", re.MULTILINE)


def check_links(views: Sequence[View[Any]]) -> None:
    """Raise DeclarationError if a view links to none of these views.

    The message has every such link, since a view that is added may have links too. A link is not left out:
    it would be missing in the API without a word if its name had a mistake.
    """
    names = {view.name for view in views}
    missing = [(view, link.to) for view in views for link in view.links if link.to not in names]
    if not missing:
        return
    links = " and ".join(dict.fromkeys(f"the view {view.name!r} links to {to!r}" for view, to in missing))
    modules = dict.fromkeys(filter(None, (_module_beside(view, to) for view, to in missing)))
    what = f"add {' and '.join(modules)}" if modules else "add the modules of these views"
    raise DeclarationError(
        f"contexts: {links}, which no registered module declares: {what} to `contexts`, or correct the "
        f"links; the registered views are {', '.join(sorted(names))}"
    )


def _module_beside(view: View[Any], name: str) -> str | None:
    """Return the module beside the view's that has this name and declares a view; None without it.

    It is not imported, because it is not registered.
    """
    package = view.row.__module__.rpartition(".")[0]
    if not package or (spec := find_spec(f"{package}.{name}")) is None or spec.origin is None:
        return None
    declares = _DECLARES_VIEW.search(Path(spec.origin).read_text("utf-8")) is not None
    return spec.name if declares else None
