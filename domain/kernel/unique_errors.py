"""Errors of unique values."""

from __future__ import annotations

from typing import Any

from domain.kernel.errors import AlreadyExists, ConcurrencyConflict
from domain.kernel.names import client_name


class ValueTaken(AlreadyExists):
    """Another stream has a value that is unique. The message contains neither the value nor the stream.

    `field` is the name of the value in the API.
    """

    code = "ALREADY_EXISTS"

    def __init__(self, category: str, field: str) -> None:
        self.field = client_name(field)
        super().__init__(
            f"another {category} has this {self.field}; nothing was stored. Choose another {self.field}"
        )

    def details(self) -> dict[str, Any]:
        return {"field": self.field}


class ClaimWithdrawn(ConcurrencyConflict):
    """The claims of a commit were withdrawn before it was stored, so it will never be stored."""
