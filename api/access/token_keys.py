"""The keys that verify tokens: one of the settings, or those of a key set (RFC 7517)."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from api.auth_settings import RSA_BITS, Algorithm, AuthSettings

MAX_KEYS = 100
"""Keys of a set; further ones are ignored."""

_KINDS: dict[str, type[RSAKey | ECKey | OKPKey]] = {
    "RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey
}  # fmt: skip
"""The kinds of public keys, by the first letters of their algorithms."""

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True, slots=True, eq=False)
class TokenKey:
    """A key with the algorithms for which it may be used. `id` is its `kid` in a key set."""

    key: Key
    algorithms: frozenset[str]
    id: str | None = None


class KeySource(Protocol):
    """Finds the key of a token."""

    def find(self, id: str | None, algorithm: str) -> TokenKey | Awaitable[TokenKey | None] | None:
        """Return the key with this id for this algorithm, or None.

        It is an awaitable where the key may have to be fetched. Raises Unavailable where keys cannot be had.
        """

    def is_current(self, key: TokenKey) -> bool:
        """Return whether the source still has the key. A token that it verified is worth nothing without."""


class SingleKey:
    """The one key of the settings; ids of keys are ignored."""

    def __init__(self, key: TokenKey) -> None:
        self._key = key

    def find(self, _id: str | None, algorithm: str) -> TokenKey | None:
        return self._key if algorithm in self._key.algorithms else None

    def is_current(self, key: TokenKey) -> bool:
        return key is self._key


def single_key(settings: AuthSettings) -> SingleKey:
    """Return the key source of `secret` or `public_key`."""
    algorithms = frozenset[str](settings.accepted_algorithms)
    if settings.secret is not None:
        secret = settings.secret.get_secret_value().encode()
        return SingleKey(TokenKey(OctKey.import_key(secret), algorithms))
    assert settings.public_key is not None, "without a key in the settings, keys are fetched"
    kind = _KINDS[settings.accepted_algorithms[0][:2]]
    return SingleKey(TokenKey(kind.import_key(settings.public_key), algorithms))


def read_key_set(document: Mapping[str, Any], accepted: Collection[Algorithm]) -> Sequence[TokenKey]:
    """Return the keys of a set that can verify tokens by one of the accepted algorithms.

    Others are left out: those for encryption, shared secrets, which a public set cannot have, and those that
    cannot be read. Raises ValueError where the document is no key set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("it has no list `keys`")
    keys = (_read_key(entry, accepted) for entry in listed[:MAX_KEYS] if isinstance(entry, dict))
    return [key for key in keys if key is not None]


def _read_key(entry: Mapping[str, Any], accepted: Collection[Algorithm]) -> TokenKey | None:
    kinds: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind, key_id = kinds.get(str(entry.get("kty"))), entry.get("kid")
    operations = entry.get("key_ops", ["verify"])
    if kind is None or entry.get("use", "sig") != "sig" or not isinstance(key_id, str | None):
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        # The public part alone: a set that publishes private keys by mistake is no reason to keep them.
        public = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
        key = kind.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    named = entry.get("alg")
    algorithms = frozenset[str](name for name in accepted if named in (None, name) and _fits(key, name))
    return TokenKey(key, algorithms, key_id) if algorithms else None


def _fits(key: RSAKey | ECKey | OKPKey, algorithm: str) -> bool:
    if isinstance(key, RSAKey):
        return algorithm[:2] in ("RS", "PS") and key.raw_value.key_size in RSA_BITS
    if isinstance(key, ECKey):
        return _CURVES.get(algorithm) == key.curve_name
    return algorithm in ("EdDSA", "Ed25519") and key.curve_name == "Ed25519"
