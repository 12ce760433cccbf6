"""Runs all checks. What does not answer, or cannot be loaded, is a finding too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from api.contexts import Declarations, load_contexts
from api.devserver.folder import RunningInstance, find_instance, with_instance
from api.doctor.api_checks import check_api
from api.doctor.consumer_checks import (
    check_consumers,
    check_deliveries,
    check_views,
    check_workers,
)
from api.doctor.failure_checks import check_failures
from api.doctor.findings import Finding, fail, ok
from api.doctor.log_checks import check_log
from api.doctor.machine_checks import check_machine
from api.doctor.mongo_checks import check_mongodb
from api.doctor.redis_checks import check_redis
from api.doctor.setting_checks import check_master_key, check_settings
from api.doctor.source_checks import check_sources
from api.settings import Settings, load_settings
from domain.kernel.errors import ConfigurationError, DeclarationError, Unavailable
from domain.kernel.names import quantity
from eventstore.mongo.driver import Database, open_client, refused_if_forbidden, unavailable_if_down
from subscriptions.consumers.checkpoints import Checkpoints

Findings = AsyncIterator[Finding]

NO_SERVER = "not set, and no `nerve dev` is running"
NOT_STARTED = "start `nerve dev`, or set"


async def examine() -> Findings:
    """Yield the findings of all checks, as they are made."""
    try:
        before = load_settings()
        instance = find_instance(before.data_dir)
        settings = before if instance is None else with_instance(before)
        yield ok("settings", "each has a valid value").within("settings")
    except ConfigurationError as error:
        remedy = "correct it; nothing else was checked"
        yield fail("settings", str(error), remedy).within("settings")
        return
    declarations, contexts = _load(settings)
    of_settings = (*check_sources(settings, before, instance), contexts, *check_settings(settings))
    for finding in _within("settings", of_settings):
        yield finding
    if declarations is not None:
        yield check_master_key(settings, declarations.catalog).within("settings")
    for finding in _within("machine", check_machine(settings)):
        yield finding
    async for finding in _examine_servers(settings, instance, declarations):
        yield finding


def _load(settings: Settings) -> tuple[Declarations | None, Finding]:
    """Return what the contexts declare, None if they cannot be loaded, and the finding about that."""
    try:
        declarations = load_contexts(settings)
    except (ConfigurationError, DeclarationError) as error:
        remedy = "correct it; what depends on contexts was not checked"
        return None, fail("contexts", str(error), remedy)
    count = len(settings.contexts)
    return declarations, ok("contexts", f"{quantity(count, 'module')} of `contexts`, loaded", modules=count)


async def _examine_servers(
    settings: Settings, instance: RunningInstance | None, declarations: Declarations | None
) -> Findings:
    yield (await check_api(settings, instance)).within("servers")
    if settings.redis_url is None:
        finding = fail("Redis", f"redis_url is {NO_SERVER}", f"{NOT_STARTED} NERVE_REDIS_URL")
    else:
        finding = await check_redis(settings.redis_url, is_cluster=settings.redis_cluster)
    yield finding.within("servers")
    if settings.mongo_url is None:
        finding = fail("MongoDB", f"mongo_url is {NO_SERVER}", f"{NOT_STARTED} NERVE_MONGO_URL")
        yield finding.within("servers")
        return
    try:
        with refused_if_forbidden("mongo_url"), unavailable_if_down():
            async with open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver) as client:
                async for finding in _examine_database(settings, client[settings.database], declarations):
                    yield finding
    except Unavailable:
        finding = fail("MongoDB", "does not answer", "start it, or correct mongo_url")
        yield finding.within("servers")
    except ConfigurationError as error:
        yield fail("MongoDB", str(error), "correct mongo_url, or the user's rights").within("servers")


async def _examine_database(
    settings: Settings, database: Database, declarations: Declarations | None
) -> Findings:
    views = () if declarations is None else declarations.views
    async for finding in check_mongodb(database, views):
        yield finding.within("servers")
    if declarations is None:
        return
    async for finding in check_log(settings, database, declarations.catalog):
        yield finding.within("log")
    states = await Checkpoints(database).states()
    last = await database["log"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
    head = last["_id"] if last else 0
    consumers = (
        check_workers(states),
        *check_views(declarations, states, head),
        *check_consumers(settings, declarations, states, head),
        *check_deliveries(states, head),
    )
    for finding in _within("consumers", consumers):
        yield finding
    async for finding in check_failures(database, declarations, states):
        yield finding.within("failures")


def _within(section: str, findings: Iterable[Finding]) -> Iterable[Finding]:
    return (finding.within(section) for finding in findings)
