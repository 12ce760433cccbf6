"""Trials that bring servers and load of their own, beside the faults that strike one log under load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from api.devserver.child import ChildProcess
from api.webhook_settings import WebhookSettings
from tests.faults import import_kills, import_memory, races
from tests.faults.access.trial import AccessTrial
from tests.faults.cdc_kills import CdcKills
from tests.faults.cdc_kills import Size as CdcSize
from tests.faults.console_tail import ConsoleTail
from tests.faults.deadlines import DeadlineTrial
from tests.faults.deadlines import Size as DeadlineSize
from tests.faults.deployment import Deployment
from tests.faults.deployments.trial import DeploymentTrial
from tests.faults.hostile import trial as hostile_trial
from tests.faults.hostile.document_attacks import DOCUMENT_ATTACKS
from tests.faults.hostile.malformed_trial import MalformedTrial
from tests.faults.hostile.socket_attacks import SOCKET_ATTACKS
from tests.faults.live import hostile, idle, resumes
from tests.faults.mutated_imports import import_mutations
from tests.faults.order_kills import OrderKills, Size
from tests.faults.query_histories import StaleReads
from tests.faults.query_memory import QueryMemory
from tests.faults.query_memory import Size as QuerySize
from tests.faults.tenants.trial import TenantTrial
from tests.faults.view_kills import ViewKills
from tests.faults.view_pairs import ViewPairs
from tests.faults.view_rebuild import ViewRebuild
from tests.faults.webhook_deliveries import FAILING, WebhookDeliveries
from tests.faults.webhook_deliveries import Size as WebhookSize
from tests.helpers.fulfilment_runs import CHOREOGRAPHY, SAGA, Style
from tests.helpers.malformed import TRANSPORTS

ATTACKS = (*DOCUMENT_ATTACKS, *SOCKET_ATTACKS)
"""In the order in which they are run."""


class Found(NamedTuple):
    """What a trial came to."""

    table: Table
    wrongs: Sequence[str]


@dataclass(frozen=True)
class Trial:
    """`run` is given a folder and what is called at each of its `times` steps."""

    name: str
    times: int
    run: Callable[[Path, int, Callable[[], None]], Found]

    @property
    def about(self) -> str:
        return self.run.__doc__ or ""


def _races(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """eight processes append to overlapping streams, with conflicts, while readers follow"""
    verdicts = races.run_races(folder, times, 2_500, step)
    return Found(races.table(verdicts), [wrong for verdict in verdicts for wrong in verdict.told])


def _kills(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """kill -9 of workers and of both servers under load: the views are what a replay from zero makes"""
    outcome = ViewKills(folder, times, workers=3, writers=2, partitions=3).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _pairs(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """writes at one API process, each read at another, also with workers killed and Redis down"""
    outcome = ViewPairs(folder, times).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _rebuild(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """all views built anew from copies of a process log, while one client pages and one follows live"""
    outcome = ViewRebuild(folder, times).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _resumed(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """subscribers who resume anywhere, while Redis, API processes and workers are killed: all, once"""
    size = resumes.Size(
        apis=5,
        workers=2,
        subscribers=200,
        changes=500 * times,
        kills={"redis": 5, "api": 8, "api stopped": 4, "worker": 5},
        stay=30.0,
        pause=0.03,
    )
    outcome = resumes.LiveResumes(folder, size).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _hostile(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """a listener reads once a second, one not at all, 500 vanish without a word: the others notice nothing"""
    size = hostile.Size(
        good=200,
        vanishing=500,
        rounds=times,
        paced=75,
        burst=500,
        ping_interval=20.0,
        own=False,
    )
    outcome = hostile.LiveHostile(folder, size).run(step)
    late = [] if outcome.ratio <= hostile.RATIO else [f"the others' p99 is {outcome.ratio:.2f} times as long"]
    return Found(outcome.table(), [*outcome.wrongs, *late])


def _hostile_clients(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """attacks by documents and sockets: each is refused or cut off, and another client notices nothing"""
    size = hostile_trial.Size(seconds=10, rounds=100_000)
    outcome = hostile_trial.HostileTrial(folder, ATTACKS[:times], size).run(step)
    return Found(outcome.table(), [*outcome.wrongs, *outcome.late])


def _malformed(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """malformed requests on each transport: no status of 500 or more, no traceback, the process serves on"""
    outcome = MalformedTrial(folder, 10_000).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _idle(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """10,000 subscriptions that are told nothing: no query, less than 2% of a core above an idle server"""
    size = idle.Size(sockets=1_000, operations=10, rounds=times, seconds=20)
    outcome = idle.LiveIdle(folder, size).run(step)
    above = 100 * outcome.above
    busy = [] if above < idle.MOST else [f"{above:.2f}% of a core above an idle server"]
    return Found(outcome.table(), [*outcome.wrongs, *busy])


def _deployments(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """versions of a context that follow each other, good and bad, under load: no row is lost or wrong"""
    outcome = DeploymentTrial(folder, times).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _processes(folder: Path, times: int, step: Callable[[], None], style: Style) -> Found:
    size = Size(
        orders=40 * times,
        strikes=times,
        workers=3,
        apis=2,
        members=3,
        silent=("Authorise", "Capture", "Book", "Notify"),
    )
    outcome = OrderKills(folder, style, size).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _saga(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """orders as a saga with failing services, under kills of workers, API processes and all servers"""
    return _processes(folder, times, step, SAGA)


def _choreography(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """the same orders choreographed by policies"""
    return _processes(folder, times, step, CHOREOGRAPHY)


def _tenants(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """two tenants under load with the same ids in both: nothing of one reaches the other"""
    deployment = Deployment(folder)
    servers = {"mongo_url": deployment.mongod.url, "redis_url": deployment.redis.url}
    try:
        outcome = TenantTrial(folder, servers, 1_000 * times).run(step)
    finally:
        deployment.end()
    return Found(outcome.table(), outcome.wrongs)


def _deadlines(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """100,000 deadlines within one minute, a worker killed in the middle, then 1,000,000 that are pending"""
    lead, window = timedelta(seconds=4 * times), timedelta(minutes=1)
    size = DeadlineSize(1_000 * times, lead, window, pending=1_000_000, idle=60.0)
    outcome = DeadlineTrial(folder, size).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _access(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """access ends while Redis is dead: every API process closes the connections within the poll interval"""
    outcome = AccessTrial(folder, apis=5, rounds=times).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _cdc(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """20,000 random writes to a foreign collection, under kills of its capture and of MongoDB"""
    size = CdcSize(documents=2_000, writes=20_000, kills=times - 2, mongod_kills=2, pause=0.002)
    outcome = CdcKills(folder, size).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _import_killed(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """kill -9 of an import at random rows, each time started again: the log is the same as without"""
    outcome = import_kills.run_trial(folder, import_kills.Size(cases=1_000, kills=times), step)
    return Found(outcome.table(), outcome.wrongs)


def _import_memory(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """an import of 1,000,000 rows in flat memory"""
    size = import_memory.Size(rows=100_000 * times, every=100_000)
    outcome = import_memory.ImportMemory(folder, size).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _stale(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """writes and reads at three API processes with all caches, with and without Redis: no read is stale"""
    outcome = StaleReads(folder, times).run(step)
    return Found(outcome.table(), outcome.wrongs)


def _query_memory(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """100,000 different texts and variables of queries: the caches and the memory stay within their bounds"""
    deployment = Deployment(folder)
    try:
        size = QuerySize(queries=10_000 * times, every=10_000)
        outcome = asyncio.run(QueryMemory(deployment.settings(), size).run(step))
    finally:
        deployment.end()
    return Found(outcome.table(), outcome.wrongs)


def _webhooks(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """a receiver of webhooks fails, is silent and restarted, and workers are killed: all events, in order"""
    size = WebhookSize(events=1_000 * times, streams=500, restarts=times, kills=3, dead_letters=200)
    deployment = Deployment(folder)

    def start_worker(settings: WebhookSettings) -> ChildProcess:
        deployment.environment["NERVE_WEBHOOKS"] = settings.model_dump_json()
        return deployment.worker()

    deployment.environment["NERVE_WEBHOOKS"] = FAILING.model_dump_json()
    try:
        trial = WebhookDeliveries(deployment.settings(), size, start_worker)
        outcome = asyncio.run(trial.run(step))
    finally:
        deployment.end()
    return Found(outcome.table(), outcome.wrongs)


def _console_tail(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """1,000 events a second in a browser: its tail loses none, keeps little, and answers clicks in 100 ms"""
    deployment = Deployment(folder)
    try:
        outcome = ConsoleTail(deployment.api(), deployment.settings(), times).run(step)
    finally:
        deployment.end()
    return Found(outcome.table(), [*outcome.wrongs, *outcome.late])


def _import_mutations(folder: Path, times: int, step: Callable[[], None]) -> Found:
    """1,000 mutated versions of each file: an import never fails, miscounts or stores more than is there"""
    outcome = import_mutations(folder, times, step)
    return Found(outcome.table(), outcome.wrongs)


TRIALS = (
    Trial("append.races", 10, _races),
    Trial("access", 50, _access),
    Trial("cdc", 22, _cdc),
    Trial("console.tail", 60, _console_tail),
    Trial("import.killed", 20, _import_killed),
    Trial("import.memory", 10, _import_memory),
    Trial("tenants", 100, _tenants),
    Trial("hostile", len(ATTACKS), _hostile_clients),
    Trial("hostile.malformed", len(TRANSPORTS), _malformed),
    Trial("deployments", 10, _deployments),
    Trial("import.mutations", 10, _import_mutations),
    Trial("live.resumed", 100, _resumed),
    Trial("live.hostile", 3, _hostile),
    Trial("live.idle", 5, _idle),
    Trial("processes.saga", 50, _saga),
    Trial("processes.choreography", 50, _choreography),
    Trial("processes.deadlines", 100, _deadlines),
    Trial("queries.stale", 10_000, _stale),
    Trial("queries.memory", 10, _query_memory),
    Trial("webhooks", 10, _webhooks),
    Trial("views.killed", 100, _kills),
    Trial("views.readyourwrite", 10_000, _pairs),
    Trial("views.rebuilt", 20, _rebuild),
)
