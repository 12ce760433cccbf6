"""``nerve dev``, ``nerve serve`` and ``nerve worker``: the commands that run until they are stopped."""

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
    """Run nerve on this machine for development: the API, a worker, and embedded servers.

    It starts an embedded MongoDB if mongo_url is not set, and an embedded Redis if redis_url is not set.
    """
    settings = load_settings()
    check_exposure(settings)
    # The API and the worker load the contexts too, and each would print the same error.
    load_contexts(settings)

    def ready(instance: RunningInstance) -> None:
        errors.print(
            f"\n  [bold]nerve is running[/]\n\n"
            f"  GraphQL    {instance.url}/graphql\n"
            f"  GraphiQL   {instance.url}/graphiql\n"
            f"  data       {settings.data_dir.resolve()}\n"
            f"  web pages  of this server, and of {_origins(settings)} (allowed_origins)\n\n"
            f"  Ctrl-C stops it.\n",
            highlight=False,
            soft_wrap=True,
        )

    Supervisor(settings, lambda text: errors.print(text, highlight=False)).run(ready)


def _origins(settings: Settings) -> str:
    origins = settings.allowed_origins if "allowed_origins" in settings.model_fields_set else DEV_ORIGINS
    return ", ".join(origins) or "no other origin"


def serve() -> None:
    """Serve the API. It needs MongoDB, Redis, and at least one `nerve worker`."""
    _serve(explain=False)


def serve_development() -> None:
    """Serve the API as `serve` does, and send the text of internal errors to clients.

    Only `nerve dev` starts this. If the API listens beyond loopback, errors stay masked.
    """
    _serve(explain=True)


def _serve(*, explain: bool) -> None:
    settings = _settings()
    check_exposure(settings)
    with listen(settings.host, settings.port) as listener:
        uvloop.run(server.serve(settings, listener, explain=explain and is_loopback(settings.host)))


def worker() -> None:
    """Project the events of the log into the views. Several workers share the views."""
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
    minimum_levels = {"pymongo": logging.INFO, "uvicorn": logging.INFO, "websockets": logging.WARNING}
    for library, minimum in minimum_levels.items():
        # At level debug they log whole documents and messages, which may contain personal data.
        logging.getLogger(library).setLevel(max(minimum, logging.getLogger().level))
    return settings
