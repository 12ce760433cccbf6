"""Which web pages may use the API: a page is not trusted because its browser runs on the same machine.

Every browser sends the page's origin in ``Origin`` with a WebSocket handshake, a POST, a preflight and a
fetch from another origin; newer ones say in ``Sec-Fetch-Site`` how page and server are related. A page whose
own host name was made to point to this server (DNS rebinding) is of the same origin for its browser: its
requests carry that name in ``Host``, and nothing else gives it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from socket import gethostname

from domain.kernel.errors import Forbidden

ANY = "*"
"""In either list: everything."""

_MAX_LENGTH = 300
"""Characters of a host or an origin. Longer ones are refused, which bounds what is cached."""

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?")
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://{_AUTHORITY.pattern}")
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
"""Another port of this machine is the same site, and another origin all the same."""


def read_origin(text: str) -> str | None:
    """The origin in its one form: lower case, without its scheme's own port. None where it is none."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, name, port = match.groups()
    return f"{scheme}://{_joined(name, port, scheme)}"


def read_host(text: str) -> str | None:
    """A host name or address in its one form: lower case, IPv6 in brackets. None where it is none."""
    name = text.lower().rstrip(".")
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    match = _AUTHORITY.fullmatch(name)
    return name if match and match[2] is None else None


class OriginPolicy:
    """Decides by the headers of a request whether the page behind it, if there is one, may use the API.

    `hosts` are the names under which this server is reached. Those of the loopback and addresses come with
    them: no other server can answer under these. `origins` are pages of other origins that may use it.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = frozenset(filter(None, ("localhost", gethostname().lower(), *hosts)))
        self.origins = frozenset(origins)
        # What raises is not cached: strangers cannot fill it.
        self._decide = lru_cache(256)(self._decide_uncached)

    def check(self, host: str | None, origin: str | None, site: str | None) -> bool:
        """Return whether the request comes from a page of another origin, which is listed.

        The arguments are the headers ``Host``, ``Origin`` and ``Sec-Fetch-Site``. Raises Forbidden where the
        page, or the host, is not listed; the message names the setting.
        """
        return self._decide(host, origin, site)

    def _decide_uncached(self, host: str | None, origin: str | None, site: str | None) -> bool:
        for name, value in (("Host", host), ("Origin", origin)):
            if value is not None and len(value) > _MAX_LENGTH:
                raise Forbidden(f"the header {name} is longer than {_MAX_LENGTH} characters")
        self._check_host(host)
        if origin is not None and (ANY in self.origins or read_origin(origin) in self.origins):
            return True
        if origin is not None and not _is_same(origin, host):
            raise Forbidden(_not_listed(origin))
        if site in _FOREIGN_SITES:
            raise Forbidden(
                f"the request comes from a page of another origin (Sec-Fetch-Site: {site}), "
                "and the browser does not say which; open the address itself, or list the page's origin in "
                "the setting allowed_origins and request with CORS"
            )
        return False

    def _check_host(self, host: str | None) -> None:
        if not host or ANY in self._hosts:
            return
        match = _AUTHORITY.fullmatch(host.lower())
        name = match[1].rstrip(".") if match else ""
        if not (name in self._hosts or name.endswith(".localhost") or _is_address(name)):
            raise Forbidden(
                f"this server is not reached as {host!a}; if that is a name of this server, add it to the "
                "setting allowed_hosts (NERVE_ALLOWED_HOSTS)"
            )


def _not_listed(origin: str) -> str:
    if read_origin(origin) is None:
        return (
            f"pages of the origin {origin!a} may not use this API; it names no server, so only "
            "allowed_origins: '*' would let it in, and every other page with it"
        )
    return (
        f"pages of the origin {origin!a} may not use this API; add it to the setting allowed_origins "
        "(NERVE_ALLOWED_ORIGINS) if they should"
    )


def _is_same(origin: str, host: str | None) -> bool:
    """Whether the origin is the server's own. Behind a proxy only the browser knows the scheme."""
    page = _ORIGIN.fullmatch(origin.lower())
    server = _AUTHORITY.fullmatch((host or "").lower())
    if page is None or server is None:
        return False
    scheme, name, port = page.groups()
    return _joined(name, port, scheme) == _joined(server[1], server[2], scheme)


def _joined(name: str, port: str | None, scheme: str) -> str:
    return name if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{name}:{port}"


def _is_address(name: str) -> bool:
    # No name can be rebound to it: a page of that origin came from that address.
    return name.startswith("[") or _IPV4.fullmatch(name) is not None
