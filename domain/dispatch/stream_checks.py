"""Checks of a command against its stream: that it fits, and that its caller is permitted to send it. Pure."""

from __future__ import annotations

from typing import Any

from domain.dispatch.ports import LoadedState
from domain.kernel.access import Permission
from domain.kernel.command import Command
from domain.kernel.errors import AlreadyExists, Forbidden, NotFound, ValidationFailed


def check_permission(
    permission: Permission | None, command: Command, category: str, stream: str, basis: LoadedState[Any]
) -> None:
    """Raise an error unless the permission allows the command in the state that decides it.

    The rule is about the command's own fields where the stream is new, else about the state. A stream that
    the caller may not change is answered as one that does not exist.
    """
    if permission is None or permission.is_unconditional:
        return
    is_new = command.creates and (basis.version == 0 or not command.changes)
    if permission.allows_attributes(command if is_new else basis.state):
        return
    if command.creates:
        raise forbidden(command)
    raise missing_stream(category, stream)


def forbidden(command: Command) -> Forbidden:
    """Return the error for a command that its caller may not send."""
    return Forbidden(f"you may not send {type(command).__name__} with these values")


def missing_stream(category: str, stream: str) -> NotFound:
    """Return the error for a stream that does not exist, or not for the caller."""
    return NotFound(f"there is no {category} {stream!r}; correct the id, or create it first")


def check_fits_stream(command: Command, category: str, stream: str, version: int) -> None:
    """Raise NotFound or AlreadyExists if the command does not fit a stream of this version, 0 if new."""
    if not command.creates:
        check_exists(category, stream, version)
    if version > 0 and not command.changes:
        raise AlreadyExists(f"{stream} exists already; choose another id or leave it out")


def check_exists(category: str, stream: str, version: int) -> None:
    """Raise NotFound if the version of a stream is 0."""
    if version == 0:
        raise missing_stream(category, stream)


def check_prefix(field: str, category: str, stream: str) -> None:
    """Raise ValidationFailed if `stream` is not the id of a stream of the category."""
    if not stream.startswith(f"{category}-"):
        article = "an" if category[0] in "aeiou" else "a"
        raise ValidationFailed(
            f"{stream!r} is not the id of {article} {category}: it must start with '{category}-'", (field,)
        )
