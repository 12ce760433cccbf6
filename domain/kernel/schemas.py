"""JSON Schemas of events, and whether a changed one still reads all that was stored before. Pure."""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012, canonicalize
from jsonschema_rs.canonical import Containment
from pydantic.json_schema import GenerateJsonSchema

from domain.kernel.event import Event

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Says what is stored: no field but those declared, and no title that only repeats a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> Schema:
        return {"additionalProperties": False, **super().model_schema(schema)}

    def dataclass_schema(self, schema: Any) -> Schema:
        return {"additionalProperties": False, **super().dataclass_schema(schema)}

    def typed_dict_schema(self, schema: Any) -> Schema:
        return {"additionalProperties": False, **super().typed_dict_schema(schema)}


def event_schema(event: type[Event]) -> Schema:
    """What the stored data of the event's revision looks like, with times as JSON has them."""
    schema = event.model_json_schema(by_alias=False, schema_generator=_Generator)
    return {"$schema": DIALECT, **schema, "title": f"{event.type}, revision {event.revision}"}


def narrowings(old: Schema, new: Schema) -> list[str]:
    """What the old schema of an event allows and the new one does not, a few words for each field.

    What cannot be shown to be allowed still counts as not allowed.
    """
    if _covers(new, old):
        return []
    before, after = _fields(old), _fields(new)
    found = [f"{name!r} is gone" for name in before if name not in after]
    must_be = [name for name in new.get("required", ()) if name not in old.get("required", ())]
    found += [f"{name!r} must be there now" for name in must_be]
    both = [name for name in before if name in after]
    found += [f"{name!r} allows less than before" for name in both if not _covers(after[name], before[name])]
    return found or ["it allows less than before"]


def _fields(schema: Schema) -> dict[str, Schema]:
    """Each field's schema, with the definitions that it may refer to."""
    shared = {"$defs": schema.get("$defs", {})}
    return {name: {**shared, **field} for name, field in schema.get("properties", {}).items()}


def _covers(new: Schema, old: Schema) -> bool:
    wide, narrow = (canonicalize(schema, draft=Draft202012, validate_formats=True) for schema in (new, old))
    return wide == narrow or wide.covers(narrow) == Containment.YES
