"""Verifies tokens: JSON Web Tokens (RFC 7519) with a signature by an algorithm that the settings accept."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.access.strict_json import read_object
from api.access.token_claims import MAX_TEXT, ClaimReader, InvalidClaim
from api.access.token_keys import KeySource, TokenKey
from api.auth_settings import AuthSettings
from api.deferred import Deferred

logger = logging.getLogger(__name__)

MAX_TOKEN = 8_192
"""Characters of a token. Longer ones are refused before they are decoded."""

MAX_HEADER = 2_048
"""Characters of the header of a token, in base64."""

MAX_CACHED = 4_096
"""Verified tokens that are kept until they expire."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""Types of tokens for access. Others, such as those of a logout, are signed by the same keys."""

_REPORT_INTERVAL = 60.0
"""Seconds in which the same reason for refusing tokens is logged once."""


class InvalidToken(InvalidCredentials):
    """A token was sent that is not accepted. The message says nothing that helps to make one."""


class _TokenRefusal(Exception):
    """A token is not accepted for this reason, which only the log gets."""


class TokenVerifier:
    """Finds the callers of tokens. A token that was verified is not verified again until it expires."""

    def __init__(self, settings: AuthSettings, keys: KeySource, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock
        self._leeway = timedelta(seconds=settings.leeway)
        self._algorithms = frozenset[str](settings.accepted_algorithms)
        self._registry = _Registry(self._algorithms)
        self._reader = ClaimReader(settings)
        assert settings.issuer is not None, "without an issuer, no tokens are accepted"
        self._claims = JWTClaimsRegistry(
            now=lambda: int(clock().timestamp()),
            leeway=round(settings.leeway),
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audience)},
            exp={"essential": True},
        )
        self._verified: OrderedDict[bytes, tuple[Caller, TokenKey]] = OrderedDict()
        self._reported: dict[str, datetime] = {}

    def verify(self, token: str) -> Caller | Awaitable[Caller]:
        """Return the caller of a token; it is an awaitable where the token's key may have to be fetched.

        Raises InvalidToken, and Unavailable where the keys of the issuer cannot be had.
        """
        if len(token) > MAX_TOKEN or not token.isascii():
            raise self._invalid(f"it has more than {MAX_TOKEN} characters, or others than letters and digits")
        digest = sha256(token.encode()).digest()
        if caller := self._find_verified(digest):
            return caller
        try:
            key_id, algorithm = self._read_header(token)
        except _TokenRefusal as refused:
            raise self._invalid(str(refused)) from None
        key = self._keys.find(key_id, algorithm)
        if isinstance(key, Awaitable):
            return Deferred(self._verify_later, token, digest, key)
        return self._verify(token, digest, key)

    async def _verify_later(self, token: str, digest: bytes, finding: Awaitable[TokenKey | None]) -> Caller:
        return self._verify(token, digest, await finding)

    def _verify(self, token: str, digest: bytes, key: TokenKey | None) -> Caller:
        try:
            if key is None:
                raise _TokenRefusal("its issuer has no key with this id for this algorithm")
            claims = self._read_claims(token, key)
            self._claims.validate(claims)
            caller = self._reader.read(claims, _credential(claims, digest), self._expiry(claims))
        except ExpiredTokenError:
            raise InvalidToken("the token has expired; send a new one") from None
        except ClaimError as error:
            raise self._invalid(f"its claim {error.claim} is missing, or has a wrong value") from None
        except JoseError as error:
            raise self._invalid(error.error.replace("_", " ")) from None
        except (_TokenRefusal, InvalidClaim) as refused:
            raise self._invalid(str(refused)) from None
        self._verified[digest] = (caller, key)
        if len(self._verified) > MAX_CACHED:
            self._verified.popitem(last=False)
        return caller

    def _find_verified(self, digest: bytes) -> Caller | None:
        if (entry := self._verified.get(digest)) is None:
            return None
        caller, key = entry
        if caller.expires_at and caller.expires_at > self._clock() and self._keys.is_current(key):
            self._verified.move_to_end(digest)
            return caller
        del self._verified[digest]
        return None

    def _read_header(self, token: str) -> tuple[str | None, str]:
        """Return the id of the token's key and its algorithm, which is one of the accepted ones."""
        match = _COMPACT.fullmatch(token)
        if match is None or len(match[1]) > MAX_HEADER:
            raise _TokenRefusal("it does not consist of header, claims and signature in base64url")
        try:
            header = read_object(urlsafe_b64decode(match[1].encode()))
        except ValueError:
            raise _TokenRefusal("its header is not a JSON object with distinct names") from None
        key_id, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise _TokenRefusal("it is signed by an algorithm that the settings do not accept")
        if "crit" in header or "b64" in header:
            raise _TokenRefusal("it needs extensions, and nerve knows none")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _TokenRefusal("its type (typ) is not JWT or at+jwt")
        if not isinstance(key_id, str | None):
            raise _TokenRefusal("the id of its key is no text")
        return key_id, algorithm

    def _read_claims(self, token: str, key: TokenKey) -> dict[str, Any]:
        signed = deserialize_compact(token, key.key, registry=self._registry)
        try:
            return read_object(signed.payload)
        except ValueError:
            raise _TokenRefusal("its claims are not a JSON object with distinct names") from None

    def _expiry(self, claims: dict[str, Any]) -> datetime:
        """Return when access by the token ends."""
        try:
            return datetime.fromtimestamp(claims["exp"], UTC) + self._leeway
        except (OverflowError, ValueError, OSError):
            raise _TokenRefusal("its claim exp is beyond the year 9999") from None

    def _invalid(self, reason: str) -> InvalidToken:
        """Return the error for the client, which is the same for all reasons; the log gets the reason."""
        now = self._clock()
        last = self._reported.get(reason)
        if last is None or (now - last).total_seconds() > _REPORT_INTERVAL:
            self._reported[reason] = now
            logger.info("refused a token: %s", reason)
        return InvalidToken("the token is not valid")


class _Registry(JWSRegistry):
    """The algorithms that the settings accept, with bounds on the parts of a token."""

    max_header_length = MAX_HEADER
    max_payload_length = MAX_TOKEN
    max_signature_length = MAX_TOKEN

    def __init__(self, algorithms: frozenset[str]) -> None:
        # A token may have header parameters that nerve ignores (RFC 7515, section 4).
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self._accepted = algorithms

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return an accepted algorithm, without a warning each time that EdDSA has another name by now."""
        if name not in self._accepted:
            raise UnsupportedAlgorithmError(f"algorithm {name} is not accepted")
        return self.algorithms[name]


def _credential(claims: dict[str, Any], digest: bytes) -> str:
    """Return what identifies the token where it is revoked: its own id (jti), or else its digest."""
    own_id = claims.get("jti")
    is_id = isinstance(own_id, str) and 0 < len(own_id) <= MAX_TEXT and own_id.isprintable()
    return f"token-{own_id if is_id else digest.hex()}"
