"""Authenticates every request over HTTP, before an endpoint handles it: a new endpoint is never left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.admissions import Admission
from api.access.callers import ANONYMOUS
from api.access.credentials import combine_headers
from api.access.forgery import check_forgery
from api.limits.refused_work import client_of
from api.transports.endpoint import Endpoint, client_address
from api.transports.rejections import REFUSALS, respond_with_error
from api.transports.response_formats import choose

SIGNATURE = "webhook-signature"
"""The header of a signed request: https://www.standardwebhooks.com"""

_ADMISSION = "nerve.admission"
_HEADERS = "nerve.headers"


class AdmissionGuard:
    """Admits the requests for all paths except the open ones, and releases them when their response ends.

    `open_paths` are served to everybody, and so is what lies below `open_folders`, which end with a slash.
    Signed requests for `signed_paths` pass without an admission, and their endpoints verify the signature.
    `cookie` is the name of the cookie with credentials, if there is one.
    """

    def __init__(
        self,
        app: ASGIApp,
        open_paths: Collection[str],
        open_folders: Collection[str],
        cookie: str | None,
        signed_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._cookie = cookie
        self._signed_paths = frozenset(signed_paths)
        self._open_paths = frozenset(open_paths)
        self._open_folders = tuple(open_folders)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Messages about the lifespan of the server pass."""
        if scope["type"] == "lifespan" or self._is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        endpoint: Endpoint = scope["app"].state.endpoint
        admissions = endpoint.admissions
        sent = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
        if len(headers) != len(sent):
            headers = combine_headers(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in sent
            )
        if SIGNATURE in headers and scope["path"] in self._signed_paths:
            await self._app(scope, receive, send)
            return
        try:
            check_forgery(scope["method"], headers, self._cookie)
            admitted = admissions.admit(headers)
            admission = admitted if isinstance(admitted, Admission) else await admitted
        except REFUSALS as error:
            address = client_address(scope, endpoint.addresses)
            refusal = await endpoint.refusal(error, address)
            response = respond_with_error(refusal, choose(headers.get("accept"), streams=False))
            if not await endpoint.pace_refusal(client_of(ANONYMOUS, address)):
                response.end_connection()
            await response(scope, receive, send)
            return
        scope[_ADMISSION] = admission
        # Endpoints read the first value of a repeated header.
        scope[_HEADERS] = headers if len(headers) == len(sent) else Headers(scope=scope)
        try:
            await self._app(scope, receive, send)
        finally:
            if not admission.is_connection:
                admissions.release(admission)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(self._open_folders)


class AdmittedRequests:
    """Serves requests that were admitted before by `note_admission`, and releases them afterwards."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._app(scope, receive, send)
        finally:
            admission: Admission = scope[_ADMISSION]
            if not admission.is_connection:
                scope["app"].state.endpoint.admissions.release(admission)


def note_admission(scope: Scope, admission: Admission, headers: Mapping[str, str]) -> None:
    """Note the admission and the headers of the request with this scope."""
    scope[_ADMISSION], scope[_HEADERS] = admission, headers


def find_admission(request: Request) -> Admission | None:
    """Return the admission of a request; None if it was not admitted, because it is signed."""
    return request.scope.get(_ADMISSION)


def admission_of(request: Request) -> Admission:
    """Return the admission of a request whose path is not open."""
    admission: Admission = request.scope[_ADMISSION]
    return admission


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Return the headers of an admitted request by their names in lower case."""
    headers: Mapping[str, str] = scope[_HEADERS]
    return headers
