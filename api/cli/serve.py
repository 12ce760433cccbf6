"""``nerve serve``: the API, until it is stopped."""

from __future__ import annotations

from typing import Any

import uvloop

from api import server
from api.access.development_tokens import DevelopmentTokens
from api.cli.service import service_settings
from api.devserver.address import listen
from api.devserver.folder import development_key
from api.exposure import check_exposure, is_loopback
from api.ids import now
from api.settings import Settings


def serve() -> None:
    """Serve the API. It needs MongoDB, Redis, and at least one `nerve worker`."""
    settings = service_settings()
    check_exposure(settings)
    _serve(settings)


def serve_development() -> None:
    """Serve the API as `serve` does, send the text of internal errors, and accept tokens for development.

    Only `nerve dev` starts this. If the API listens beyond loopback, it does neither.
    """
    settings = service_settings()
    check_exposure(settings)
    if is_loopback(settings.host):
        tokens = DevelopmentTokens(development_key(settings.data_dir), now)
        _serve(settings, explain=True, development_tokens=tokens)
    else:
        _serve(settings)


def _serve(settings: Settings, **development: Any) -> None:
    with listen(settings.host, settings.port) as listener:
        uvloop.run(server.serve(settings, listener, **development))
