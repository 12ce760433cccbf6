"""Seals positions for clients, so that they reveal nothing about the traffic of other tenants."""

from __future__ import annotations

import struct
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as MalformedBase64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from domain.kernel.errors import ValidationFailed
from eventstore.place import Place

_LAYOUT = struct.Struct(">QH")
_WITH_FLOOR = struct.Struct(">QHQ")


class PositionSeal:
    """Seals places for a tenant with AES-SIV (RFC 5297).

    SIV is deterministic: equal places of a tenant give equal texts. A place of another tenant does not open.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(secret)

    def seal(self, tenant: str, place: Place) -> str:
        """Return the place as the opaque text that clients store."""
        if place.floor is None:
            packed = _LAYOUT.pack(place.position, place.index)
        else:
            packed = _WITH_FLOOR.pack(place.position, place.index, place.floor)
        sealed = self._cipher.encrypt(packed, [tenant.encode()])
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, tenant: str, text: str, path: tuple[str, ...]) -> Place:
        """Return the place in a sealed text. Raises ValidationFailed at `path` where it does not open."""
        place = self.try_open(tenant, text)
        if place is None:
            raise ValidationFailed("nerve did not issue this position; omit it to start again", path)
        return place

    def try_open(self, tenant: str, text: str) -> Place | None:
        """Return the place in a sealed text; None where it is malformed or of another tenant."""
        try:
            sealed = b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
            packed = self._cipher.decrypt(sealed, [tenant.encode()])
            return Place(*(_LAYOUT if len(packed) == _LAYOUT.size else _WITH_FLOOR).unpack(packed))
        except (MalformedBase64, InvalidTag, ValueError, struct.error):
            return None
