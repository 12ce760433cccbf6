"""Views by the names that clients have for them, which are those of the lists in the API."""

from __future__ import annotations

from collections.abc import Collection

from domain.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Command
from domain.kernel.names import client_name


def stored_view(name: str, views: Collection[str]) -> str:
    """The one of `views` with this name in the API, or as it is declared; or the name."""
    return next((view for view in views if name in (view, client_name(view))), name)


def with_stored_view(command: Command, views: Collection[str]) -> Command:
    """The command with the name of a view as events keep it."""
    if isinstance(command, RetryDeadLetter | DropDeadLetter):
        return command.model_copy(update={"view": stored_view(command.view, views)})
    return command
