"""The types of CloudEvents that are accepted: incoming commands, and declared integration events."""

from __future__ import annotations

from pydantic import ValidationError

from api.access.callers import Caller
from api.access.policy import command_permission
from api.transfer.received_cloud_events import COMMAND_PREFIX, CloudEvent, command_of
from api.transfer.rows import describe_error
from domain.integration import IntegrationContext
from domain.kernel import Catalog, Command
from domain.kernel.command import secret_hashes
from domain.kernel.errors import DeclarationError, UnfitValue, ValidationFailed


class AcceptedTypes:
    """The accepted types of a catalog.

    Raises DeclarationError if two contexts receive events of one type, or if an incoming command has a secret
    that the server makes: its sender could not be shown it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._commands: dict[str, type[Command]] = {}
        self._contexts: dict[str, IntegrationContext] = {}
        for context in catalog.contexts:
            for command in context.commands:
                if command.incoming:
                    self._add_command(command)
            if isinstance(context, IntegrationContext):
                self._add_context(context)

    def command(self, event: CloudEvent, caller: Caller) -> Command:
        """Return the command of an event.

        Raises ValidationFailed where the data does not fit, and for a type that is not accepted; one whose
        command the caller may never send does not exist for it.
        """
        try:
            command = self._read(event, caller)
        except ValidationError as error:
            raise ValidationFailed(describe_error(error), ("data",)) from None
        except UnfitValue as error:
            raise ValidationFailed(describe_error(error), ("data",)) from None
        return command

    def _read(self, event: CloudEvent, caller: Caller) -> Command:
        if (command := self._commands.get(event.type)) is not None and _may_send(command, caller):
            return command_of(event, command)
        context = self._contexts.get(event.type)
        if context is not None and any(_may_send(command, caller) for command in context.commands):
            return context.receive(event.type, event.content(), event.source, event.subject or event.id)
        raise ValidationFailed("events of this type are not accepted; correct the type", ("type",))

    def _add_command(self, command: type[Command]) -> None:
        if secret_hashes(command):
            raise DeclarationError(
                f"{command.__name__} has a secret that the server makes and shows in the API alone; remove "
                "`incoming = True`"
            )
        self._commands[COMMAND_PREFIX + command.__name__] = command

    def _add_context(self, context: IntegrationContext) -> None:
        for event_type in context.received:
            first = self._contexts.setdefault(event_type, context)
            if first is not context:
                raise DeclarationError(
                    f"the contexts {first.name!r} and {context.name!r} both receive events of the type "
                    f"{event_type!r}; remove it from one of them"
                )


def _may_send(command: type[Command], caller: Caller) -> bool:
    return not command_permission(command, caller).is_denied
