"""``nerve processes``: list and show instances of processes, and retry, resume or cancel them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, NamedTuple

import typer

from api.cli.connection import connect_runtime
from api.cli.process_output import COLUMNS, attempt_records, print_process, process_record
from api.cli.records import AsJson, print_record, print_records
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import say, warn
from api.graphql.fields.command_inputs import read_input
from api.process_operator import BulkResult, InstanceOperation, ProcessOperator
from api.runtime import Runtime
from domain.kernel.errors import NotFound, ValidationFailed
from domain.process.commands import CancelProcess, InstanceCommand, ResumeProcess, RetryProcess
from domain.process.events import ProcessStatus
from projections.builtin.processes import NAME, SINGULAR
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import failing_work

app = typer.Typer(
    help="List and show instances of processes, and retry, resume or cancel them.", no_args_is_help=True
)

Kind = Annotated[str | None, typer.Option(help="Only instances of this process, such as fulfilment.")]
Code = Annotated[str | None, typer.Option(help="Only instances whose last error has this code.")]
Ids = Annotated[list[str] | None, typer.Argument(help="The ids of instances, such as fulfilment-order-17.")]
All = Annotated[bool, typer.Option("--all", help="All instances that the other options select.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="The maximum number of instances.")]
Reason = Annotated[str, typer.Option(help="Why, for the record; it is stored as an event.")]


@app.command("list")
def list_(
    kind: Kind = None,
    status: Annotated[
        list[ProcessStatus] | None, typer.Option(help="Only instances in this state; can be repeated.")
    ] = None,
    error_code: Code = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List instances, those first that changed last."""
    conditions = _conditions(kind, error_code)
    if status:
        conditions["status"] = {"in": [each.value for each in status]}
    asyncio.run(_list(tenant, conditions, limit, as_json=as_json))


async def _list(tenant: str, conditions: Mapping[str, Any], limit: int, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        _operator(runtime)
        query = ListQuery(limit, conditions, [("updated_at", "desc")])
        page = await runtime.readers[NAME].page(RowScope(tenant), query)
    empty = "no instance meets the conditions" if conditions else "there is no instance"
    print_records(map(process_record, page.rows), COLUMNS, as_json=as_json, empty=empty)
    if page.has_next:
        warn(f"there are more than {limit} instances; see --limit")


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="The id of an instance, such as fulfilment-order-17.")],
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show an instance: what it waits for, what was done and what was not."""
    asyncio.run(_show(tenant, id, as_json=as_json))


async def _show(tenant: str, id: str, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        _operator(runtime)
        instance = InstanceKey(tenant, _instance(id))
        row = await runtime.readers[NAME].get(RowScope(tenant), instance.stream)
        failing = await failing_work(runtime.database, instance)
    if row is None:
        raise NotFound(f"there is no instance {id!r}; `nerve processes list` lists the instances")
    if as_json:
        print_record({**process_record(row), "processAttempts": attempt_records(failing)})
    else:
        print_process(row, failing)


@app.command()
def retry(
    reason: Reason,
    ids: Ids = None,
    all: All = False,
    kind: Kind = None,
    error_code: Code = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Have stuck instances try again what failed. The exit code is 1 if an instance refuses."""
    choice = _choose(ids, _conditions(kind, error_code), limit, every=all)
    _run(tenant, RetryProcess, {"reason": reason}, choice, as_json=as_json)


@app.command()
def resume(
    reason: Reason,
    ids: Ids = None,
    all: All = False,
    kind: Kind = None,
    error_code: Code = None,
    limit: Limit = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Have stuck instances go on without what failed, such as after it was done by hand.

    The exit code is 1 if an instance refuses.
    """
    choice = _choose(ids, _conditions(kind, error_code), limit, every=all)
    _run(tenant, ResumeProcess, {"reason": reason}, choice, as_json=as_json)


@app.command()
def cancel(
    reason: Reason,
    ids: Ids = None,
    all: All = False,
    kind: Kind = None,
    error_code: Code = None,
    compensate: Annotated[
        bool, typer.Option("--compensate", help="Undo first what was done, in reverse order.")
    ] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """End instances that have not ended yet. The exit code is 1 if an instance refuses."""
    choice = _choose(ids, _conditions(kind, error_code), limit, every=all)
    _run(tenant, CancelProcess, {"reason": reason, "compensate": compensate}, choice, as_json=as_json)


class Choice(NamedTuple):
    """The instances that a command is for: these, or without ids those that meet the conditions."""

    ids: Sequence[str]
    conditions: Mapping[str, Any]
    limit: int


def _conditions(kind: str | None, error_code: str | None) -> dict[str, Any]:
    values = {"kind": kind, "error_code": error_code}
    return {field: {"eq": value} for field, value in values.items() if value is not None}


def _choose(ids: Sequence[str] | None, conditions: Mapping[str, Any], limit: int, *, every: bool) -> Choice:
    """Return the choice. Raises ValidationFailed for ids together with --all, or neither of them."""
    if every == bool(ids):
        raise ValidationFailed("name the instances, or use --all")
    if ids and conditions:
        raise ValidationFailed("--kind and --error-code select instances together with --all")
    return Choice(list(dict.fromkeys(map(_instance, ids or ()))), conditions, limit)


def _instance(id: str) -> str:
    """Return the id of an instance from itself, or from the id that its row has in the API."""
    return id.removeprefix(f"{SINGULAR.capitalize()}:")


def _run(
    tenant: str, command: type[InstanceCommand], fields: Mapping[str, Any], choice: Choice, *, as_json: bool
) -> None:
    def make(id: str) -> InstanceCommand:
        return read_input(command, {"id": id, **fields})

    result = asyncio.run(_operate(InstanceOperation(command, make, cli_scope(tenant), "cli"), choice))
    if as_json:
        refused = [asdict(refusal) for refusal in result.refused]
        print_record({"changed": result.changed, "refused": refused, "hasMore": result.has_more})
    else:
        for instance in result.changed:
            say(instance)
        for refusal in result.refused:
            warn(f"{refusal.message} ({refusal.code})")
        if result.has_more:
            warn("further instances meet the conditions; run the command again")
    if result.refused:
        raise typer.Exit(1)


async def _operate(operation: InstanceOperation, choice: Choice) -> BulkResult:
    async with connect_runtime(appends_events=True) as runtime:
        operator = _operator(runtime)
        if choice.ids:
            return await operator.operate(operation, choice.ids)
        return await operator.operate_all(operation, choice.conditions, choice.limit)


def _operator(runtime: Runtime) -> ProcessOperator:
    if runtime.process_operator is None:
        raise NotFound("no process is registered; add the module of one to `contexts` in nerve.yaml")
    return runtime.process_operator
