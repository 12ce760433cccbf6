"""Running the registered processes and policies in a worker, with the adapters of their outside ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from api.ids import new_id, now
from api.ports.adapters import make_port
from api.runtime import Runtime
from domain.process.context import ProcessContext
from subscriptions.processes.circuits import PortCircuit
from subscriptions.processes.instances import Instances
from subscriptions.processes.ports import PortAdapter
from subscriptions.processes.process_parts import ProcessParts
from subscriptions.processes.worker import ProcessWorker


@asynccontextmanager
async def running_processes(runtime: Runtime) -> AsyncIterator[None]:
    """Run this worker's share of the registered processes and policies inside the context."""
    settings, processes = runtime.settings, runtime.processes
    if not processes and not runtime.policies:
        yield
        return
    async with AsyncExitStack() as stack:
        adapters = {name: make_port(name, port, now) for name, port in settings.ports.items()}
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        worker = ProcessWorker(
            _parts(runtime, processes, adapters),
            runtime.feed,
            runtime.checkpoints,
            runtime.wakeups,
            tick=settings.poll_interval,
            lease_time=settings.lease_time,
            partitions=settings.view_partitions,
            policies=runtime.policies,
        )
        await worker.start()
        stack.push_async_callback(worker.stop)
        yield


def _parts(
    runtime: Runtime, processes: Mapping[str, ProcessContext], adapters: Mapping[str, PortAdapter]
) -> ProcessParts:
    meter, instruments = runtime.metrics.processes, runtime.instruments
    return ProcessParts(
        processes=processes,
        database=runtime.database,
        catalog=runtime.catalog,
        log=runtime.log,
        bus=runtime.bus,
        instances=Instances(processes, instruments.wrap_log(runtime.log), runtime.aggregates, now, new_id),
        circuits={port: PortCircuit(port, adapter, meter.circuit) for port, adapter in adapters.items()},
        clock=now,
        meter=meter,
        wrap_perform=instruments.wrap_perform,
    )
