"""What a module registers for a process. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from domain.kernel.context import Context
from domain.kernel.upcasting import Upcaster
from domain.process.instance import instance_class
from domain.process.process import Process


@dataclass(frozen=True)
class ProcessContext(Context):
    """The context of a process: its streams are the instances.

    Declare it as ``context = process_context("fulfilments", Fulfilment)``.
    """

    process: type[Process[Any, Any]] = field(kw_only=True)


def process_context(
    name: str, process: type[Process[Any, Any]], upcasters: tuple[Upcaster, ...] = ()
) -> ProcessContext:
    """Return the context of a process. Raises DeclarationError where the process cannot be used."""
    return ProcessContext(name, instance_class(process), upcasters, process=process)
