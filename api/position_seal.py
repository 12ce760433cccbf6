"""Positions as clients see them: sealed, so that they tell nothing of other tenants' traffic."""

from __future__ import annotations

import struct
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as MalformedBase64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from domain.kernel.errors import ValidationFailed
from eventstore.place import Place

_LAYOUT = struct.Struct(">QH")


class PositionSeal:
    """Seals places for one tenant each with AES-SIV (RFC 5297).

    SIV is deterministic, so equal places of a tenant look equal, and a place of another tenant does not open.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(secret)

    def seal(self, tenant: str, place: Place) -> str:
        """The place as the opaque text that clients keep."""
        sealed = self._cipher.encrypt(_LAYOUT.pack(place.position, place.index), [tenant.encode()])
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, tenant: str, text: str, path: tuple[str, ...]) -> Place:
        """The place that `text` seals; raises ValidationFailed at `path` where it is malformed."""
        place = self.try_open(tenant, text)
        if place is None:
            raise ValidationFailed("nerve never gave out this position; leave it out to start anew", path)
        return place

    def try_open(self, tenant: str, text: str) -> Place | None:
        """The place that `text` seals; None where it is malformed, or another tenant's."""
        try:
            sealed = b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
            return Place(*_LAYOUT.unpack(self._cipher.decrypt(sealed, [tenant.encode()])))
        except (MalformedBase64, InvalidTag, ValueError, struct.error):
            return None
