"""Seals the messages of API processes: Redis shows no caller, and nobody else can end a connection."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as MalformedBase64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eventstore.personal.sealing import seal, unseal

_PURPOSE = b"messages about connections"


class MessageSeal:
    """Encrypts texts with a key that is derived from a secret of the log, which all its processes have."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, text: str) -> str:
        """Return the encrypted text, in base64."""
        return b64encode(seal(self._cipher, text.encode(), _PURPOSE)).decode()

    def try_open(self, sealed: str) -> str | None:
        """Return the text; None where no process of this log has sealed it."""
        try:
            return unseal(self._cipher, b64decode(sealed, validate=True), _PURPOSE).decode()
        except (MalformedBase64, InvalidTag, ValueError):
            return None
