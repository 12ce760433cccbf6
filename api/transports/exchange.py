"""One request over HTTP with what serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request

from api.limits.refused_work import client_of
from api.transports.admission_guard import admission_of
from api.transports.endpoint import Endpoint, client_address


class Exchange(NamedTuple):
    """A request, its headers under lower-case names, and the endpoint that serves it."""

    request: Request
    headers: Mapping[str, str]
    endpoint: Endpoint

    @property
    def address(self) -> str | None:
        """The network address of the client."""
        return client_address(self.request.scope, self.endpoint.addresses)

    @property
    def client(self) -> str:
        """The client that the time of refused work counts for."""
        return client_of(admission_of(self.request).caller, self.address)

    def check_debt(self) -> None:
        """Raise RateLimited where the client has a debt of refused work."""
        if self.endpoint.refused_work is not None:
            self.endpoint.refused_work.check(self.client)
