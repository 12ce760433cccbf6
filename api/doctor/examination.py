"""Runs all checks. A server that does not answer is a finding too."""

from __future__ import annotations

from collections.abc import AsyncIterator

from api.contexts import load_contexts
from api.doctor.findings import Finding, fail
from api.doctor.machine_checks import check_machine
from api.doctor.mongo_checks import check_mongodb
from api.doctor.redis_checks import check_redis
from api.doctor.setting_checks import check_master_key, check_settings
from api.settings import Settings
from domain.kernel.errors import ConfigurationError, Unavailable
from eventstore.mongo.driver import open_client, refused_if_forbidden, unavailable_if_down


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the findings of all checks, as they are made. Raises the errors of `load_contexts`."""
    declarations = load_contexts(settings)
    for finding in (*check_settings(settings), check_master_key(settings, declarations.catalog)):
        yield finding
    for finding in check_machine(settings):
        yield finding
    if settings.redis_url is None:
        yield fail("Redis", "redis_url is not set, and no `nerve dev` is running")
    else:
        yield await check_redis(settings.redis_url, is_cluster=settings.redis_cluster)
    if settings.mongo_url is None:
        yield fail("MongoDB", "mongo_url is not set, and no `nerve dev` is running")
        return
    try:
        with refused_if_forbidden("mongo_url"), unavailable_if_down():
            async with open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver) as client:
                async for finding in check_mongodb(settings, client[settings.database], declarations):
                    yield finding
    except Unavailable:
        yield fail("MongoDB", "does not answer; start it, or correct mongo_url")
    except ConfigurationError as error:
        yield fail("MongoDB", str(error))
