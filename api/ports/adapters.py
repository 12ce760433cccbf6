"""Makes the adapters of the configured ports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr

from api.port_settings import HttpPortSettings, PortSettings
from api.ports.http_port import HttpPort
from api.ports.simulated_port import SimulatedPort


def make_port(name: str, settings: PortSettings, clock: Callable[[], datetime]) -> HttpPort | SimulatedPort:
    """Return the adapter that the settings of a port describe."""
    if isinstance(settings, HttpPortSettings):
        return HttpPort(name, settings, clock)
    if settings.server is None:
        return SimulatedPort(name, settings)
    url = SecretStr(f"{settings.server.rstrip('/')}/{name}")
    return HttpPort(name, HttpPortSettings(adapter="http", url=url, allow_private=True), clock)
