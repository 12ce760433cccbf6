"""The commands that stay: `dev`, `serve` and `worker`."""

from __future__ import annotations

import asyncio
import logging
import signal

import uvloop

from api import server
from api.cli.terminal import errors
from api.contexts import load_contexts
from api.devserver.address import listen
from api.devserver.folder import RunningInstance, with_instance
from api.devserver.supervisor import DEV_ORIGINS, Supervisor
from api.lifecycle import open_runtime
from api.settings import Settings, check_exposure, is_loopback, load_settings


def dev() -> None:
    """Run all of nerve on this machine: the servers that are missing, the API and a worker."""
    settings = load_settings()
    check_exposure(settings)
    # The API and the worker load them as well, and would each print what is wrong with them.
    load_contexts(settings)

    def ready(instance: RunningInstance) -> None:
        errors.print(
            f"\n  [bold]nerve is running[/]\n\n"
            f"  GraphQL    {instance.url}/graphql\n"
            f"  GraphiQL   {instance.url}/graphiql\n"
            f"  data       {settings.data_dir.resolve()}\n"
            f"  web pages  its own, and {_listed(settings)} (allowed_origins)\n\n"
            f"  Ctrl-C stops it.\n",
            highlight=False,
            soft_wrap=True,
        )

    Supervisor(settings, lambda text: errors.print(text, highlight=False)).run(ready)


def _listed(settings: Settings) -> str:
    origins = settings.allowed_origins if "allowed_origins" in settings.model_fields_set else DEV_ORIGINS
    return ", ".join(origins) or "no others"


def serve() -> None:
    """Serve the API; it needs MongoDB, Redis, and a `nerve worker` beside it."""
    _serve(explain=False)


def serve_development() -> None:
    """Serve the API as `serve` does, for the author of contexts: errors inside are explained to clients.

    Only `nerve dev` starts this. Beyond loopback nothing is explained: others could read it.
    """
    _serve(explain=True)


def _serve(*, explain: bool) -> None:
    settings = _settings()
    check_exposure(settings)
    with listen(settings.host, settings.port) as listener:
        uvloop.run(server.serve(settings, listener, explain=explain and is_loopback(settings.host)))


def worker() -> None:
    """Keep the views up to date; more than one does no harm."""
    uvloop.run(_work(_settings()))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_runtime(settings, worker=True):
        await stopped.wait()


def _settings() -> Settings:
    settings = with_instance(load_settings())
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    quiet = {"pymongo": logging.INFO, "uvicorn": logging.INFO, "websockets": logging.WARNING}
    for library, least in quiet.items():
        # At debug they write whole documents and messages, and with them personal data.
        logging.getLogger(library).setLevel(max(least, logging.getLogger().level))
    return settings
