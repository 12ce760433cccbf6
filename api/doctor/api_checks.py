"""Checks whether the API answers, as a client on this machine sees it."""

from __future__ import annotations

import aiohttp

from api.devserver.address import url_of
from api.devserver.folder import RunningInstance
from api.doctor.findings import Finding, fail, ok, warn
from api.ports.http_client import open_session
from api.settings import Settings

TIMEOUT = 3.0
"""Seconds that the API may take to answer."""


async def check_api(settings: Settings, instance: RunningInstance | None) -> Finding:
    """Check that the API answers and is ready."""
    check, address = "API", api_address(settings, instance)
    if address is None:
        return ok(check, "its port is chosen when it starts, so it is not asked")
    try:
        async with (
            open_session(allow_private=True, timeout=TIMEOUT) as session,
            # The certificate is for the public name; what counts here is whether something answers.
            session.get(f"{address}/readyz", ssl=False) as response,
        ):
            return judge_answer(address, response.status)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        text = f"nothing answers at {address} ({type(error).__name__})"
        return warn(check, text, "start it with `nerve serve`, unless it runs on another machine")


def judge_answer(address: str, status: int) -> Finding:
    """Return the finding for an answer of the API."""
    check = "API"
    if status == 200:
        return ok(check, f"is ready at {address}", status=status)
    if status == 503:
        return fail(
            check, f"is not ready at {address}", "correct what else fails on this page", status=status
        )
    remedy = "stop the program that has this port, or set NERVE_PORT to another one"
    return warn(check, f"another program answers at {address}, with status {status}", remedy, status=status)


def api_address(settings: Settings, instance: RunningInstance | None) -> str | None:
    """Return the URL of the API on this machine; None if its port is not known."""
    if instance is not None:
        return instance.url.rstrip("/")
    if not settings.port:
        return None
    return url_of(settings.host, settings.port, tls=settings.tls_cert is not None)
