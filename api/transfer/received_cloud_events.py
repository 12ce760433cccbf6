"""CloudEvents 1.0, and commands that are sent as such: https://cloudevents.io"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from api.extension_attributes import Name, Value, received_extensions
from domain.integration.json_input import fields_from_json
from domain.kernel import Command, Moment
from domain.kernel.errors import ValidationFailed
from domain.kernel.event import Extensions

COMMAND_PREFIX = "nerve.command."
"""What the type of a command begins with; the name of the command follows."""

JSON_TYPES = ("application/json", "text/json")

MAX_TEXT = 500
"""Most characters of `source`, `id`, `type` and `subject`."""


class CloudEvent(BaseModel):
    """An event as the specification has it; attributes without a field are extension attributes."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Name, Value] = Field(init=False)

    specversion: Literal["1.0"]
    type: str = Field(min_length=1, max_length=MAX_TEXT)
    source: str = Field(min_length=1, max_length=MAX_TEXT)
    id: str = Field(min_length=1, max_length=MAX_TEXT)
    subject: str | None = Field(None, min_length=1, max_length=MAX_TEXT)
    time: Moment | None = None
    datacontenttype: str | None = None
    correlationid: str | None = Field(None, min_length=1, max_length=128)
    data: Any = None
    data_base64: str | None = None

    @field_validator("datacontenttype")
    @classmethod
    def _is_json(cls, value: str | None) -> str | None:
        label = (value or JSON_TYPES[0]).partition(";")[0].strip().lower()
        if label not in JSON_TYPES and not label.endswith("+json"):
            raise ValueError(f"must be a type of JSON, such as application/json, and not {value!a}")
        return value

    @field_validator("data_base64")
    @classmethod
    def _stands_alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("data") is not None:
            raise ValueError("must not be there together with data")
        return value

    @property
    def extensions(self) -> Extensions | None:
        """The extension attributes, and `dataschema`; None if there are none."""
        return received_extensions(self.model_extra)

    def content(self) -> Any:
        """Return the data, which may be encoded. Raises ValidationFailed if it is no JSON then."""
        if self.data_base64 is None:
            return self.data
        try:
            return orjson.loads(base64.b64decode(self.data_base64, validate=True))
        except ValueError as error:
            wrong = f"data_base64: must be JSON in base64: {error}"
            raise ValidationFailed(wrong, ("data_base64",)) from None


def command_of(event: CloudEvent, command: type[Command]) -> Command:
    """Return the command whose fields are the event's data; the subject is its id.

    Raises ValidationFailed, UnfitValue, and pydantic's ValidationError.
    """
    data = event.content()
    if data is not None and not isinstance(data, Mapping):
        name = "data" if event.data_base64 is None else "data_base64"
        raise ValidationFailed(f"{name}: must hold a JSON object", (name,))
    fields = fields_from_json(command, data or {})
    if event.subject is not None and fields.setdefault("id", event.subject) != event.subject:
        raise ValidationFailed(f"subject is {event.subject!r}, but the data's id is {fields['id']!a}")
    return command.model_validate(fields)
