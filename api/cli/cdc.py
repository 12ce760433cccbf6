"""``nerve cdc``: the documents of a foreign MongoDB collection, and their changes, as events."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import typer
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cdc.capture import CaptureProgress, CollectionCapture
from api.cdc.capture_states import CaptureStates
from api.cdc.change_recorder import ChangeRecorder
from api.cdc.foreign_collection import ForeignCollection, open_foreign_collection
from api.cli.records import AsJson, print_result
from api.cli.service import service_settings
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import progress_bars, warn
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.foreign_documents.aggregate import ForeignDocument
from domain.foreign_documents.commands import SOURCE_PATTERN
from domain.kernel.errors import ConfigurationError
from domain.kernel.names import quantity
from eventstore.mongo.database_names import check_database_name

COLUMNS = (
    TextColumn("copying {task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("documents"),
    TimeRemainingColumn(),
)


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What the command line says: the collection, its name as a source, and what to do."""

    url: str
    database: str
    collection: str
    source: str
    tenant: str
    copy_again: bool
    until_caught_up: bool


def cdc(
    database: Annotated[str, typer.Option(help="The foreign database.")],
    collection: Annotated[str, typer.Option(help="The foreign collection.")],
    source_url: Annotated[
        str | None,
        typer.Option(help="URL of the foreign MongoDB; one with a password comes from NERVE_CDC_URL."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The name of the source in events; default: database.collection.")
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Copy the collection again first, and record what differs.")
    ] = False,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when all changes until now are recorded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Record the documents of a foreign MongoDB collection, and then each change, until it is stopped.

    A run that was interrupted is continued by the next one; nothing is recorded twice. See docs/cdc.md.
    """
    settings = service_settings()
    _check_database(database)
    source = _check_source(name or f"{database}.{collection}")
    url = _check_url(source_url, settings)
    options = CaptureOptions(url, database, collection, source, tenant, snapshot, until_caught_up)
    progress = uvloop.run(_capture(settings, options))
    copied = quantity(progress.copied, "event")
    text = f"{source}: recorded {copied} of the copy and {progress.changes:,} of changes"
    record = {"source": source, "copied": progress.copied, "changes": progress.changes}
    print_result(record, text, as_json=as_json)


def _check_database(name: str) -> None:
    try:
        check_database_name(name)
    except ValueError as error:
        raise ConfigurationError(f"--database: {error}") from None


def _check_source(name: str) -> str:
    if not re.fullmatch(SOURCE_PATTERN, name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a source; choose one with --name, of up to 100 letters, digits "
            "or . _ -"
        )
    return name


def _check_url(source_url: str | None, settings: Settings) -> str:
    if source_url is None:
        if settings.cdc_url is None:
            raise ConfigurationError("set NERVE_CDC_URL, or --source-url, to the URL of the foreign MongoDB")
        return settings.cdc_url.get_secret_value()
    with suppress(ValueError):
        if urlsplit(source_url).password is None:
            return source_url
    raise ConfigurationError(
        "--source-url has a password, which other users of the machine can read; set NERVE_CDC_URL instead"
    )


async def _capture(settings: Settings, options: CaptureOptions) -> CaptureProgress:
    """CollectionCapture until a signal or the end; return what was done."""
    async with (
        open_runtime(settings) as runtime,
        open_foreign_collection(options.url, options.database, options.collection) as foreign,
    ):
        _check_context(runtime)
        with progress_bars(*COLUMNS) as bars:
            reporter = _Reporter(bars, options.source)
            capture = _make_capture(runtime, foreign, options, reporter)
            task = asyncio.create_task(
                capture.run(copy_again=options.copy_again, until_caught_up=options.until_caught_up)
            )
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with suppress(asyncio.CancelledError):
                await task
        return capture.progress


def _make_capture(
    runtime: Runtime, foreign: ForeignCollection, options: CaptureOptions, reporter: _Reporter
) -> CollectionCapture:
    scope, source = cli_scope(options.tenant), options.source
    return CollectionCapture(
        foreign,
        source,
        scope,
        CaptureStates(runtime.database, options.tenant, source, foreign.full_name),
        ChangeRecorder(runtime.bus, scope, f"mongodb:{source}"),
        runtime.log,
        reporter.report,
    )


def _check_context(runtime: Runtime) -> None:
    if ForeignDocument.category not in {context.category for context in runtime.catalog.contexts}:
        raise ConfigurationError(
            "`contexts` lacks projections.views.foreign_documents, which has the events of foreign "
            "documents; add it in nerve.yaml"
        )


class _Reporter:
    """Shows the progress of a copy, and says when it has ended and changes are followed."""

    def __init__(self, bars: Progress, source: str) -> None:
        self._bars = bars
        self._source = source
        self._bar = bars.add_task(source, total=None, visible=False)
        self._is_following = False

    def report(self, progress: CaptureProgress) -> None:
        if progress.is_copying:
            self._is_following = False
            self._bars.update(self._bar, visible=True, completed=progress.documents, total=progress.total)
        elif not self._is_following:
            self._is_following = True
            self._bars.update(self._bar, visible=False)
            warn(
                f"following the changes of {self._source}; copied "
                f"{quantity(progress.documents, 'document')}, with {quantity(progress.copied, 'event')}"
            )
