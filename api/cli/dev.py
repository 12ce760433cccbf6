"""``nerve dev``: the API, a worker and their servers on this machine."""

from __future__ import annotations

import asyncio

from rich.text import Text

from api.cli.terminal import errors, warn
from api.contexts import load_contexts
from api.devserver.folder import RunningInstance
from api.devserver.supervisor import DEV_ORIGINS, Supervisor
from api.exposure import check_exposure, is_loopback
from api.lifecycle import open_runtime
from api.ports.required_ports import check_ports
from api.settings import Settings, load_settings


def dev() -> None:
    """Run nerve on this machine for development: the API, a worker, and embedded servers.

    It starts an embedded MongoDB if mongo_url is not set, and an embedded Redis if redis_url is not set.
    """
    settings = load_settings()
    check_exposure(settings)
    # Before any server is started.
    check_ports(load_contexts(settings).processes, settings.ports)

    def ready(instance: RunningInstance) -> None:
        errors.print(Text("\n  nerve is running\n", style="bold"))
        warn(
            f"  GraphQL    {instance.url}/graphql\n"
            f"  GraphiQL   {instance.url}/graphiql\n"
            f"  console    {instance.url}/console\n"
            f"  data       {settings.data_dir.resolve()}\n"
            f"  access     {_access(settings)}\n"
            f"  web pages  of this server, and of {_origins(settings)} (allowed_origins)\n\n"
            f"  Ctrl-C stops it.\n"
        )

    Supervisor(settings, _check_start, warn).run(ready)


def _check_start(settings: Settings) -> None:
    asyncio.run(_open_runtime(settings))


async def _open_runtime(settings: Settings) -> None:
    """Open a runtime as the API and the worker do, so that what they would both refuse is printed once."""
    async with open_runtime(settings, allow_unreadable=settings.unreadable_events == "park"):
        pass


def _access(settings: Settings) -> str:
    """Return who may do what, in one line."""
    if not is_loopback(settings.host):
        return "by credentials (auth)" if settings.auth else "OPEN: every machine may do everything"
    who = "by credentials (auth)" if settings.auth else "OPEN: everybody on this machine may do everything"
    return f"{who}; GraphiQL can act as any caller"


def _origins(settings: Settings) -> str:
    origins = settings.allowed_origins if "allowed_origins" in settings.model_fields_set else DEV_ORIGINS
    return ", ".join(origins) or "no other origin"
