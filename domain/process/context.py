"""What a module registers for a process. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from domain.kernel.command import Command
from domain.kernel.context import Context
from domain.kernel.event import Event
from domain.kernel.upcasting import Upcaster
from domain.process.commands import INSTANCE_COMMANDS
from domain.process.declaration_checks import check_process
from domain.process.instance import INSTANCE_EVENTS, instance_class
from domain.process.process import Process
from domain.process.saga import StepDone


@dataclass(frozen=True)
class ProcessContext(Context):
    """The context of a process: its streams are the instances.

    Declare it as ``context = process_context("fulfilments", Fulfilment)``.
    """

    process: type[Process[Any, Any]] = field(kw_only=True)

    @property
    def shared_events(self) -> tuple[type[Event], ...]:
        """nerve's own events of instances and of sagas."""
        return tuple(event for event in self.events if event in (*INSTANCE_EVENTS, StepDone))

    @property
    def shared_commands(self) -> tuple[type[Command], ...]:
        """The commands with which a person operates an instance of any process."""
        return INSTANCE_COMMANDS


def process_context(
    name: str, process: type[Process[Any, Any]], upcasters: tuple[Upcaster, ...] = ()
) -> ProcessContext:
    """Return the context of a process. Raises DeclarationError where the process cannot be used."""
    check_process(name, process)
    return ProcessContext(name, instance_class(process), upcasters, process=process)
