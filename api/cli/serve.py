"""``nerve serve``: the API, until it is stopped."""

from __future__ import annotations

import uvloop

from api import server
from api.cli.service import service_settings
from api.devserver.address import listen
from api.settings import check_exposure, is_loopback


def serve() -> None:
    """Serve the API. It needs MongoDB, Redis, and at least one `nerve worker`."""
    _serve(explain=False)


def serve_development() -> None:
    """Serve the API as `serve` does, and send the text of internal errors to clients.

    Only `nerve dev` starts this. If the API listens beyond loopback, errors stay masked.
    """
    _serve(explain=True)


def _serve(*, explain: bool) -> None:
    settings = service_settings()
    check_exposure(settings)
    with listen(settings.host, settings.port) as listener:
        uvloop.run(server.serve(settings, listener, explain=explain and is_loopback(settings.host)))
