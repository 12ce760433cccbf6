"""Commands, requests, replies and events as JSON, with the names of fields that the API has. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from domain.kernel.fields import Json
from domain.kernel.names import client_name
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader
from domain.kernel.types.json_values import json_writer
from domain.kernel.types.stored_values import encoder

M = TypeVar("M", bound=BaseModel)


def to_json(model: BaseModel) -> Json:
    """Return the fields of a model as JSON. Raises UnfitValue for a value that cannot be stored."""
    record = record_type(type(model))
    encode, write = encoder(record), json_writer(record, client_name)
    stored: Any = model if encode is None else encode(model)
    json: Json = stored if write is None else write(stored)
    return json


def from_json(kind: type[M], json: Json) -> M:
    """Return the model of JSON fields. Raises UnfitValue or pydantic's ValidationError if they do not fit."""
    read = json_reader(record_type(kind), client_name)
    return kind.model_validate(json if read is None else read(json))
