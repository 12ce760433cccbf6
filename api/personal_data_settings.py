"""The settings of personal data: how it is encrypted, and what is recorded of callers."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from eventstore.personal.sealing import KEY_BYTES, MasterKeys


class PersonalDataSettings(BaseSettings):
    """The part of the settings that concerns personal data, that of callers too."""

    # Personal data
    master_key: SecretStr | None = Field(
        None, description="Encrypts personal data: 32 bytes in base64. Default: such data is refused."
    )
    old_master_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Previous master keys, needed until `nerve keys rotate` has completed."
    )

    # Audit
    audit_addresses: bool = Field(
        False, description="Store the address of the client with each commit, encrypted; needs master_key."
    )
    audit_reads: bool = Field(
        False, description="Record who reads events, and rows that may hold personal data."
    )

    @field_validator("master_key", mode="before")
    @classmethod
    def _empty_to_none(cls, value: object) -> object:
        return value or None

    @field_validator("master_key", "old_master_keys")
    @classmethod
    def _check_keys(cls, value: SecretStr | tuple[SecretStr, ...] | None) -> object:
        for key in value if isinstance(value, tuple) else [value] if value else []:
            if len(_decoded(key)) != KEY_BYTES:
                raise ValueError(f"a key is {KEY_BYTES} bytes in base64, as `openssl rand -base64 32` prints")
        return value

    @model_validator(mode="after")
    def _check_audit(self) -> Self:
        if self.audit_addresses and self.master_key is None:
            raise ValueError("audit_addresses needs master_key, which encrypts the addresses")
        return self

    @property
    def master_keys(self) -> MasterKeys | None:
        """The current and the previous master keys; None if none is set."""
        if self.master_key is None:
            return None
        return MasterKeys(_decoded(self.master_key), [_decoded(key) for key in self.old_master_keys])


def _decoded(key: SecretStr) -> bytes:
    try:
        return b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return b""
