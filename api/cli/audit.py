"""``nerve audit``: who did what, and when."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from api.access.read_audit import recorded_reads
from api.cli.connection import connect_runtime
from api.cli.points import parse_moment
from api.cli.records import AsJson, print_record
from api.cli.terminal import say, warn
from api.runtime import Runtime
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import quantity
from domain.kernel.rfc3339 import write_moment
from eventstore.history.audit import AuditEntry, AuditQuery, audit_entries

_NOBODY = "-"


def audit(
    actor: Annotated[
        str | None, typer.Option(help="Only what this user or service did, by its subject.")
    ] = None,
    command: Annotated[str | None, typer.Option(help="Only this command, such as CompleteTask.")] = None,
    stream: Annotated[str | None, typer.Option(help="Only changes of this stream, such as task-42.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was recorded at this moment or later, such as 2026-01-31.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only what was recorded before this moment.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant; default: all.")] = None,
    reads: Annotated[
        bool, typer.Option("--reads", help="Show who read what instead; needs the setting audit_reads.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who did what and when: one line for each commit, in the order of the log.

    It reads metadata alone, also of archived commits. The address of a client is shown if the setting
    audit_addresses was on, and until its actor is erased.
    """
    query = AuditQuery(
        tenant=tenant,
        actor=actor,
        command=command,
        stream=stream,
        since=parse_moment(since),
        until=parse_moment(until),
    )
    if reads and (command or stream):
        raise ValidationFailed("--command and --stream select commits; leave them out with --reads")
    asyncio.run(_audit_reads(query, as_json=as_json) if reads else _audit(query, as_json=as_json))


async def _audit(query: AuditQuery, *, as_json: bool) -> None:
    count = 0
    async with connect_runtime() as runtime:
        upto = await runtime.log.high_water_mark()
        async for entry in audit_entries(
            runtime.database, runtime.log.keys, query, await _start(runtime, query), upto
        ):
            count += 1
            if as_json:
                print_record(entry_record(entry))
            else:
                say(entry_line(entry))
    if not as_json:
        warn(quantity(count, "commit"))


async def _audit_reads(query: AuditQuery, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        async for read in recorded_reads(
            runtime.database, query.tenant, query.actor, query.since, query.until
        ):
            time = write_moment(read.pop("at"))
            if as_json:
                print_record({"time": time, **read})
            else:
                by = f"{read['actor'] or _NOBODY} ({read['authentication'] or _NOBODY})"
                name = read["operation"] or f"document {read['document'][:12]}"
                say(f"{time}  {read['tenant']:<10} {by}  {name}  {' '.join(read['fields'])}")


async def _start(runtime: Runtime, query: AuditQuery) -> int:
    """Return a position before the first commit that the query can match."""
    return 0 if query.since is None else await runtime.log.recorded_before(query.since)


def entry_record(entry: AuditEntry) -> dict[str, Any]:
    """Return the entry with the names of the API."""
    info = entry.info
    return {
        "position": info.position,
        "time": write_moment(info.at),
        "tenant": info.tenant,
        "actor": info.actor,
        "authentication": info.authentication,
        "address": entry.client,
        "command": info.command,
        "commandId": info.command_id,
        "stream": info.stream,
        "version": entry.version,
        "events": list(entry.events),
        "correlationId": info.correlation,
        "causationId": info.causation,
    }


def entry_line(entry: AuditEntry) -> str:
    """Return the entry as a line: position, time, tenant, actor, command, stream and types of events."""
    info = entry.info
    by = info.actor or _NOBODY
    how = f" ({', '.join(filter(None, (info.authentication, entry.client)))})"
    if how == " ()":
        how = ""
    place = f"{info.stream}@{entry.version}"
    return (
        f"{info.position:>8}  {write_moment(info.at)}  {info.tenant:<10} {by}{how}  {info.command}  {place}  "
        f"{' '.join(entry.events)}"
    )
