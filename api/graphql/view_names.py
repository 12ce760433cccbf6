"""Views by the names that clients have for them, which are those of the lists in the API."""

from __future__ import annotations

from collections.abc import Collection

from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Command
from domain.kernel.names import declared_name


def with_stored_view(command: Command, views: Collection[str]) -> Command:
    """The command with the name of a view as events keep it."""
    if isinstance(command, RetryDeadLetter | DropDeadLetter):
        return command.model_copy(update={"view": declared_name(command.view, views) or command.view})
    return command
