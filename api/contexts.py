"""Loads the contexts and views that the settings register."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from api.settings import Settings
from domain.builtin import deadletters
from domain.kernel import Catalog
from domain.kernel.errors import ConfigurationError
from projections.kernel.view import View
from projections.kernel.view_checks import check_row_id

_CHECKOUT = Path(__file__).parents[1]


def load_contexts(settings: Settings) -> tuple[Catalog, Sequence[View[Any]]]:
    """The views that the settings register, and the catalog of their contexts and of nerve's own.

    Raises ConfigurationError for a module that cannot be imported or holds no `view`, DeclarationError where
    two of them clash, or a row cannot be stored.
    """
    views = [_load_view(name) for name in settings.contexts]
    for view in views:
        check_row_id(view)
    served = (context for view in views for context in (view.context, *view.also_reads))
    return Catalog(dict.fromkeys([*served, deadletters.context])), views


def _load_view(module: str) -> View[Any]:
    try:
        found = getattr(import_module(module), "view", None)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"contexts: there is no module {error.name!r}; nerve looks in its checkout, {_CHECKOUT}, "
            "in the folder where it is started and in those of PYTHONPATH; add one as in PYTHONPATH=/folder"
        ) from None
    if not isinstance(found, View):
        raise ConfigurationError(f"contexts: the module {module!r} holds no `view`")
    return found
