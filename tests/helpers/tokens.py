"""Tokens (JWT) as an issuer signs them, and settings that accept them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import warnings
from functools import cache
from time import time
from typing import Any
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from api.auth_settings import AuthSettings
from api.encoding import encode

ISSUER = "https://login.example.org"
AUDIENCE = "nerve"
SECRET = "a secret of the tests, long enough for HS512: 0123456789abcdef-0123456789abcdef"


MANY_FAILURES = {
    "failures_per_address": 10_000,
    "refused_burst": 1_000,
    "refusals": 10_000,
    "handshakes": 10_000,
}
"""Rates for tests that send many wrong tokens and documents, over many sockets, all from one address."""


def auth_settings(**changes: Any) -> AuthSettings:
    """Return settings that accept what `make_token` returns, and keep the claims `team` and `level`."""
    values = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "secret": SECRET,
        "tenant_claim": "tenant",
        "claims": ("team", "level"),
    }
    return AuthSettings(**{**values, **changes})


def make_token(
    subject: str | None = "ada",
    tenant: str | None = "default",
    roles: Any = (),
    *,
    key: Key | None = None,
    algorithm: str = "HS256",
    header: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
    expires_in: float = 86_400,
    **claims: Any,
) -> str:
    """Return a signed token, valid for a day: some are made long before they are used.

    `claims` are added, and those of `without` left out.
    """
    now = time()
    values = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "roles": list(roles) if isinstance(roles, tuple) else roles,
        "iat": int(now) - 1,
        "exp": int(now + expires_in),
        "jti": uuid4().hex,
        **claims,
    }
    payload = {name: value for name, value in values.items() if name not in without}
    return sign(encode(payload), key=key, algorithm=algorithm, header=header)


def sign(
    payload: bytes, *, key: Key | None = None, algorithm: str = "HS256", header: dict[str, Any] | None = None
) -> str:
    """Return a token with this payload, whatever it is; by default it is signed with `SECRET`."""
    protected = {"alg": algorithm, "typ": "JWT", **(header or {})}
    signing_key = OctKey.import_key(SECRET.encode()) if key is None else key
    registry = jws.JWSRegistry(algorithms=[protected["alg"]], strict_check_header=False)
    with warnings.catch_warnings():
        # joserfc warns of EdDSA, which has the name Ed25519 by now.
        warnings.simplefilter("ignore")
        return jws.serialize_compact(protected, payload, signing_key, registry=registry)


def sign_by_hand(header: bytes, payload: bytes, secret: str = SECRET) -> str:
    """Return a token with the signature of HS256, whatever its header says."""
    signed = b".".join(map(_base64url, (header, payload)))
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return b".".join((signed, _base64url(signature))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def bearer(token: str) -> dict[str, str]:
    """Return the header that sends the token."""
    return {"authorization": f"Bearer {token}"}


@cache
def private_key(algorithm: str, number: int = 0) -> Key:
    """Return a private key for the algorithm; for another `number` another one."""
    if algorithm[:2] in ("RS", "PS"):
        return RSAKey.generate_key(2048)
    if algorithm[:2] == "ES":
        curves: dict[str, Any] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
        return ECKey.generate_key(curves[algorithm])
    if algorithm in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519")
    return OctKey.generate_key(512)


def public_pem(key: Key) -> str:
    """Return the public part of a key in PEM."""
    assert not isinstance(key, OctKey)
    return key.as_pem(private=False).decode()


def public_jwk(key: Key, id: str | None = None, **members: Any) -> dict[str, Any]:
    """Return the public part of a key as an entry of a key set."""
    assert not isinstance(key, OctKey)
    return {**key.as_dict(private=False), **({} if id is None else {"kid": id}), **members}
