"""Settings of authentication, by tokens (JWT) and by API keys: the values below `auth` in `nerve.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from domain.kernel.tenants import is_tenant

Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
]  # fmt: skip
SECRET_BYTES: dict[Algorithm, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Minimum bytes of a secret, by the algorithm that it signs with (RFC 7518, section 3.2)."""

RSA_BITS = range(2048, 8193)
"""Sizes of RSA keys. With a larger one, a verification would block the event loop for too long."""

_RSA: tuple[Algorithm, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: dict[str, Algorithm] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

ClaimPath = Annotated[str, Field(min_length=1)]
"""A claim, or the path to a nested one, as realm_access.roles."""


class AuthSettings(BaseModel):
    """Which credentials are accepted, and what the claims of tokens mean.

    Without an issuer, API keys are the only ones. Keys of tokens come from one source: the issuer's discovery
    document by default, else `jwks_url`, `public_key` or `secret`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_keys: bool = Field(True, description="Accept API keys; without an issuer, nothing else is accepted.")
    issuer: str | None = Field(
        None, min_length=1, description="The claim `iss` of accepted tokens, letter by letter."
    )
    audience: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Accepted tokens have one of these in the claim `aud`; needed with an issuer."
    )
    algorithms: Annotated[tuple[Algorithm, ...], NoDecode] = Field(
        (), description="Accepted signatures; default: RS256, or what fits public_key, or HS256 for secret."
    )
    discovery_url: str | None = Field(
        None, description="Discovery document; default: the issuer and /.well-known/openid-configuration."
    )
    jwks_url: str | None = Field(None, description="The issuer's key set, if it has no discovery document.")
    public_key: str | None = Field(None, description="The issuer's one public key, in PEM.")
    secret: SecretStr | None = Field(
        None, description="The key that the issuer shares, for HS256 and its kind: 32 bytes or more of text."
    )
    allow_http: bool = Field(False, description="Fetch keys over http:// beyond this machine.")
    leeway: float = Field(
        30.0, ge=0, le=300, description="Seconds that the clocks of issuer and server may differ."
    )
    subject_claim: ClaimPath = Field("sub", description="The claim that identifies the caller.")
    tenant_claim: ClaimPath | None = Field(
        None, description="The claim with the caller's tenant; default: all callers are of one tenant."
    )
    public_tenant: str | None = Field(
        None,
        description="Tenant of callers without credentials; with tenant_claim, they are refused without it.",
    )
    roles_claim: ClaimPath = Field(
        "roles", description="The claim with the caller's roles: a list, or a text with spaces."
    )
    role_map: dict[str, str] = Field(
        {}, description="Roles by the issuer's names; others are ignored. Default: the names as they are."
    )
    claims: Annotated[tuple[ClaimPath, ...], NoDecode] = Field(
        (), description="Further claims that rules of access refer to."
    )
    cookie: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description="Cookie that may contain the token; default: only the header Authorization.",
    )

    @field_validator("audience", "algorithms", "claims", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "-----BEGIN" in value.get_secret_value():
            raise ValueError("this is a key in PEM and no secret: everybody may know it; set public_key")
        return value

    @field_validator("public_key")
    @classmethod
    def _check_public_key(cls, value: str | None) -> str | None:
        if value is not None:
            _fitting_algorithms(value)
        return value

    @field_validator("discovery_url", "jwks_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        url = urlsplit(value or "https://unset")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be a URL such as https://login.example/keys")
        return value

    @field_validator("public_tenant")
    @classmethod
    def _check_tenant(cls, value: str | None) -> str | None:
        if value is not None and not is_tenant(value):
            raise ValueError("must be the name of a tenant, such as acme")
        return value

    @model_validator(mode="after")
    def _check_issuer(self) -> Self:
        if self.issuer is None and not self.api_keys:
            raise ValueError("nothing is accepted; set issuer, or api_keys: true")
        if self.issuer is None and (others := self.model_fields_set - {"api_keys", "issuer"}):
            raise ValueError(f"{min(others)} is about tokens, and needs issuer")
        if self.issuer is not None and not self.audience:
            raise ValueError("issuer needs audience: otherwise tokens for other services would be accepted")
        if self.public_tenant is not None and self.tenant_claim is None:
            raise ValueError("public_tenant needs tenant_claim: without it, all callers are of one tenant")
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        sources = {"jwks_url": self.jwks_url, "public_key": self.public_key, "secret": self.secret}
        named = [name for name, value in sources.items() if value is not None]
        if len(named) > 1 or (named and self.discovery_url):
            both = " and ".join([*named, *(["discovery_url"] if self.discovery_url else [])])
            raise ValueError(f"keys come from one source; remove all but one of {both}")
        if wrong := [name for name in self.algorithms if name not in self._possible_algorithms]:
            raise ValueError(f"{_cannot_verify(wrong[0], named[0] if named else 'discovery')}")
        self._check_secret_length()
        self._check_transport()
        return self

    @property
    def keys_url(self) -> str | None:
        """The address of the key set or of the discovery document; None if the key is in the settings."""
        if self.issuer is None or self.public_key is not None or self.secret is not None:
            return None
        well_known = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        return self.jwks_url or self.discovery_url or well_known

    @property
    def accepted_algorithms(self) -> tuple[Algorithm, ...]:
        """The algorithms by which a token may be signed. A token never chooses another one."""
        if self.algorithms:
            return self.algorithms
        return self._possible_algorithms if self.public_key is not None else self._possible_algorithms[:1]

    @property
    def _possible_algorithms(self) -> tuple[Algorithm, ...]:
        if self.secret is not None:
            return tuple(SECRET_BYTES)
        if self.public_key is not None:
            return _fitting_algorithms(self.public_key)
        asymmetric = [name for name in get_args(Algorithm) if name not in SECRET_BYTES]
        return tuple(asymmetric)

    def _check_secret_length(self) -> None:
        if self.secret is None:
            return
        longest = max(self.accepted_algorithms, key=lambda name: SECRET_BYTES[name])
        if len(self.secret.get_secret_value().encode()) < SECRET_BYTES[longest]:
            raise ValueError(
                f"secret must have at least {SECRET_BYTES[longest]} bytes for {longest}, as "
                "`openssl rand -base64 64` prints them"
            )

    def may_fetch(self, url: str) -> bool:
        """Return whether keys may be fetched from the URL: nobody on the way there could replace them."""
        parts = urlsplit(url)
        is_near = self.allow_http or parts.hostname in _LOOPBACK
        return parts.scheme == "https" or (parts.scheme == "http" and is_near)

    def _check_transport(self) -> None:
        if self.keys_url is not None and not self.may_fetch(self.keys_url):
            raise ValueError(
                "keys must be fetched over https://; correct issuer, jwks_url or discovery_url, or set "
                "allow_http: true if the network up to the issuer is trusted"
            )


def _cannot_verify(algorithm: str, source: str) -> str:
    if algorithm in SECRET_BYTES:
        return f"{algorithm} needs secret: with a public key, everybody could sign tokens"
    return f"keys of {source} cannot verify {algorithm}; correct algorithms"


def _fitting_algorithms(pem: str) -> tuple[Algorithm, ...]:
    """Return the algorithms that a public key can verify; raises ValueError where it is none."""
    if "PRIVATE KEY" in pem:
        raise ValueError("this is a private key; nerve needs the public key alone")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("must be a public key in PEM: -----BEGIN PUBLIC KEY-----") from None
    if isinstance(key, RSAPublicKey) and key.key_size in RSA_BITS:
        return _RSA
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    if isinstance(key, Ed25519PublicKey):
        return ("EdDSA", "Ed25519")
    raise ValueError("must be an RSA key of 2048 to 8192 bits, or one of P-256, P-384, P-521 or Ed25519")
