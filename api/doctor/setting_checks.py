"""Checks of the settings alone. All are pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from api.access.origins import ANY
from api.doctor.findings import Finding, fail, ok, warn
from api.exposure import is_loopback
from api.port_settings import HttpPortSettings
from api.settings import Settings
from domain.kernel import Catalog
from domain.kernel.personal import personal_fields


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks of the settings."""
    yield check_access(settings)
    yield check_hosts(settings)
    yield check_origins(settings)
    yield check_old_keys(settings)
    yield check_api_tls(settings)
    yield check_link("TLS to MongoDB", settings.mongo_url)
    yield check_link("TLS to Redis", settings.redis_url)
    yield from check_ports(settings)


def check_access(settings: Settings) -> Finding:
    """Check that callers have to authenticate, unless nobody else can connect."""
    check = "authentication"
    if settings.auth is not None:
        return ok(check, "callers must send a token or an API key")
    if is_loopback(settings.host):
        return warn(
            check, "the API is open to every program on this machine", "set auth before others may connect"
        )
    return fail(check, f"the API is open to everyone who can connect to {settings.host}", "set auth")


def check_hosts(settings: Settings) -> Finding:
    """Check that requests for foreign host names are refused."""
    check = "allowed_hosts"
    if ANY in settings.allowed_hosts:
        return fail(
            check, "any host name is accepted, so a web page can use its visitors' access", "list the names"
        )
    if not is_loopback(settings.host) and not settings.allowed_hosts:
        return warn(check, "no name is listed, so only localhost and addresses are accepted", "add the name")
    return ok(check, ", ".join(settings.allowed_hosts) or "this machine")


def check_origins(settings: Settings) -> Finding:
    """Check that not every web page may use the API."""
    check = "allowed_origins"
    if ANY in settings.allowed_origins:
        return fail(check, "every web page may use the API with its visitors' access", "list the origins")
    unsafe = [each for each in settings.allowed_origins if each.startswith("http://") and not _is_local(each)]
    if unsafe:
        return warn(check, f"{unsafe[0]} is not encrypted, so its pages can be replaced", "use https://")
    return ok(check, ", ".join(settings.allowed_origins) or "pages of this server")


def check_master_key(settings: Settings, catalog: Catalog) -> Finding:
    """Check that personal data can be encrypted if a context has any."""
    check = "master key"
    if settings.master_key is not None:
        return ok(check, "set; keep a copy apart from the backups")
    if any(map(personal_fields, catalog.events.values())):
        return fail(check, "not set, so events with personal data are refused", "set NERVE_MASTER_KEY_FILE")
    return ok(check, "not set, and no event has personal data")


def check_old_keys(settings: Settings) -> Finding:
    """Check that a rotation of the master key was completed."""
    check = "previous master keys"
    if settings.old_master_keys:
        return warn(check, "still set", "run `nerve keys rotate`, then remove old_master_keys")
    return ok(check, "none")


def check_api_tls(settings: Settings) -> Finding:
    """Check that the API is encrypted, here or by a proxy."""
    check = "TLS of the API"
    if settings.tls_cert is not None:
        return ok(check, f"certificate {settings.tls_cert}")
    if is_loopback(settings.host):
        return ok(check, "not needed on this machine")
    if settings.trusted_proxies:
        return ok(check, f"left to the proxy at {', '.join(settings.trusted_proxies)}")
    return warn(check, "not encrypted", "set tls_cert, or list the proxy that speaks TLS in trusted_proxies")


def check_link(check: str, url: SecretStr | None) -> Finding:
    """Check that a connection to another machine is encrypted."""
    if url is None:
        return ok(check, "the embedded server is on this machine")
    text = url.get_secret_value()
    hosts, options = _hosts(text), _options(text)
    if all(is_loopback(host) for host in hosts):
        return ok(check, "not needed on this machine")
    insecure = {"tlsinsecure", "tlsallowinvalidcertificates", "ssl_cert_reqs"} & options.keys()
    if any(options[name] in ("true", "none") for name in insecure):
        return fail(check, f"the certificate of {hosts[0]} is not verified", "remove that option of the URL")
    is_encrypted = text.startswith(("rediss://", "mongodb+srv://")) or "true" in (
        options.get("tls"),
        options.get("ssl"),
    )
    if is_encrypted:
        return ok(check, "encrypted")
    remedy = "rediss://" if text.startswith("redis:") else "tls=true"
    return warn(
        check,
        f"not encrypted to {', '.join(hosts)}",
        f"use {remedy} unless nobody else can read that network",
    )


def check_ports(settings: Settings) -> Iterable[Finding]:
    """Yield a finding for each outside port over HTTP."""
    for name, port in settings.ports.items():
        check = f"port {name}"
        if not isinstance(port, HttpPortSettings):
            yield warn(check, "is simulated, so its replies are made up", "set the url of the service")
        elif port.secret is None:
            yield warn(check, f"requests to {port.host} are not signed", "set its secret")
        elif port.url.get_secret_value().startswith("http://"):
            yield warn(check, f"requests to {port.host} are not encrypted", "use https://")
        else:
            yield ok(check, f"signed and encrypted to {port.host}")


def _is_local(origin: str) -> bool:
    return is_loopback(urlsplit(origin).hostname or "")


def _hosts(url: str) -> list[str]:
    """Return the hosts of a URL, which may list several with their ports."""
    address = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    hosts = (host.strip() for host in address.split(","))
    return [
        host.removeprefix("[").partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        for host in hosts
    ]


def _options(url: str) -> Mapping[str, Any]:
    query = url.partition("?")[2]
    return {name.lower(): values[-1].lower() for name, values in parse_qs(query).items()}
