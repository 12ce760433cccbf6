"""What all processes of a worker share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.dispatch import CommandBus
from domain.dispatch.ports import Clock
from domain.kernel import Catalog
from domain.process.context import ProcessContext
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from subscriptions.processes.circuits import PortCircuit
from subscriptions.processes.held_work import Perform
from subscriptions.processes.instances import Instances
from subscriptions.processes.ports import ProcessMeter


@dataclass(frozen=True, kw_only=True)
class ProcessParts:
    """What all processes of a worker share. `processes` are by category, `circuits` by the name of a port.

    `wrap_perform` returns what does the work in place of the given function.
    """

    processes: Mapping[str, ProcessContext]
    database: Database
    catalog: Catalog
    log: EventLog
    bus: CommandBus
    instances: Instances
    circuits: Mapping[str, PortCircuit]
    clock: Clock
    meter: ProcessMeter
    wrap_perform: Callable[[Perform], Perform] = lambda perform: perform
