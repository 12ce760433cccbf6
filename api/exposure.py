"""Which machines can connect to a process, and whether its settings allow that."""

from __future__ import annotations

from ipaddress import ip_address

from api.settings import Settings
from domain.kernel.errors import ConfigurationError


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine can connect to the host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(settings: Settings) -> None:
    """Raise ConfigurationError where other machines could connect to an API without authentication."""
    if not is_loopback(settings.host) and settings.auth is None and not settings.insecure_open:
        raise ConfigurationError(
            f"host {settings.host} is not a loopback address and there is no authentication; set auth (see "
            "docs/authentication.md), or NERVE_INSECURE_OPEN=yes if everyone who can connect to it may do "
            "everything"
        )


def check_metrics_exposure(settings: Settings) -> None:
    """Raise ConfigurationError where other machines could read the metrics of a worker without a token."""
    if not (is_loopback(settings.host) or settings.insecure_open or settings.metrics_token):
        raise ConfigurationError(
            f"metrics_port on host {settings.host} can be read by other machines; set NERVE_METRICS_TOKEN to "
            "32 characters or more, which scrapers then send as their bearer token"
        )
