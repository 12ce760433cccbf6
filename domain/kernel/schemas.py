"""JSON Schemas of events, and whether a changed one still accepts all stored events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012, canonicalize
from jsonschema_rs.canonical import Containment
from pydantic.json_schema import GenerateJsonSchema

from domain.kernel.event import Event
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_values import json_writer
from domain.kernel.types.stored_values import encoder

Schema = dict[str, Any]

TIME = r"^\d{2}:\d{2}:\d{2}\.\d{6}$"
"""A time of day without a time zone, for which JSON Schema has no format."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Generates the schemas of stored values in their JSON form; docs/types.md lists the forms.

    The schemas allow declared fields only, and have no titles that repeat a field's name. A field that allows
    None may be missing.
    """

    def field_is_required(self, field: Any, total: bool) -> bool:
        return super().field_is_required(field, total) and not _allows_none(field["schema"])

    def decimal_schema(self, schema: Any) -> Schema:
        return {"type": "string", "format": "decimal"}

    def bytes_schema(self, schema: Any) -> Schema:
        return {"type": "string", "contentEncoding": "base64"}

    def time_schema(self, schema: Any) -> Schema:
        return {"type": "string", "pattern": TIME}

    def encode_default(self, dft: Any) -> Any:
        """Return None; `_with_defaults` adds the default, because it knows the type."""
        return None

    def named_tuple_schema(self, schema: Any) -> Schema:
        """Return the schema of a document, because a NamedTuple is stored as one."""
        fields = schema["fields"]
        required = [
            field["name"]
            for field in fields
            if field["schema"]["type"] != "default" and not _allows_none(field["schema"])
        ]
        document = {
            "additionalProperties": False,
            "properties": {field["name"]: self.generate_inner(field["schema"]) for field in fields},
            **({"required": required} if required else {}),
            "type": "object",
        }
        return _with_defaults(schema["cls"], document)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> Schema:
        return _with_defaults(schema["cls"], {"additionalProperties": False, **super().model_schema(schema)})

    def dataclass_schema(self, schema: Any) -> Schema:
        document = {"additionalProperties": False, **super().dataclass_schema(schema)}
        return _with_defaults(schema["cls"], document)

    def typed_dict_schema(self, schema: Any) -> Schema:
        return {"additionalProperties": False, **super().typed_dict_schema(schema)}


def _with_defaults(python: Any, document: Schema) -> Schema:
    """Return the schema of a record with the defaults of its fields in stored form."""
    properties = document.get("properties", {})
    for name, field in record_type(python).fields.items():
        if "default" in properties.get(name, {}) and field.default is not None:
            encode, write = encoder(field.type), json_writer(field.type)
            stored = field.default if encode is None else encode(field.default)
            properties[name] = {
                **properties[name],
                "default": stored if write is None else write(stored),
            }
    return document


def _allows_none(schema: Any) -> bool:
    """Return whether pydantic accepts None by this core schema."""
    if schema["type"] == "definition-ref":
        return str(schema["schema_ref"]).startswith("pydantic.types.JsonValue:")
    return schema["type"] == "nullable" or ("schema" in schema and _allows_none(schema["schema"]))


@cache
def event_schema(event: type[Event]) -> Schema:
    """Return the schema of the event's stored data in its JSON form, made once for each class."""
    schema = event.model_json_schema(by_alias=False, schema_generator=_Generator)
    return {"$schema": DIALECT, **schema, "title": f"{event.type}, revision {event.revision}"}


DATE, BINARY, DECIMAL = ({f"${name}": True} for name in ("date", "binary", "decimal"))
"""Marks for stored values of types that JSON does not have."""

STORED_FORMS: Mapping[str, Schema] = {
    "date-time": {"const": DATE},
    "binary": {"const": BINARY},
    "base64": {"const": BINARY},
    "decimal": {"const": DECIMAL},
    "duration": {"type": "integer"},
}
"""Schemas of such values, by the format or the encoding of the text that represents them in JSON."""


def stored_schema(schema: Any) -> Any:
    """Return the schema with a mark for each value of a type that JSON does not have."""
    if isinstance(schema, list):
        return [stored_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string":
        form = schema.get("format") or schema.get("contentEncoding") or ""
        if form in STORED_FORMS:
            return STORED_FORMS[form]
    # Different values have the same mark.
    return {
        key: stored_schema(value)
        for key, value in schema.items()
        if not (key == "uniqueItems" and value is True)
    }


def narrowings(old: Schema, new: Schema) -> list[str]:
    """Return what the old schema of an event allows and the new one does not, a few words for each field.

    A value that is not provably allowed counts as not allowed.
    """
    before, after = _fields(old), _fields(new)
    reasons = [f"{name!r} is gone" for name in before if name not in after]
    required = [name for name in new.get("required", ()) if name not in old.get("required", ())]
    reasons += [f"{name!r} must be there now" for name in required]
    reasons += _changed_defaults(old, new)
    if not reasons and _covers(new, old):
        return []
    both = [name for name in before if name in after]
    reasons += [
        f"{name!r} allows less than before" for name in both if not _covers(after[name], before[name])
    ]
    return reasons or ["it allows less than before"]


def _changed_defaults(old: Schema, new: Schema) -> list[str]:
    """Return the fields of the event and its records whose null was not stored and would become a default."""
    old_defs, new_defs = old.get("$defs", {}), new.get("$defs", {})
    pairs = [(old, new), *((old_defs[name], new_defs[name]) for name in old_defs.keys() & new_defs.keys())]
    return [
        f"{name!r} was null by default, which was not stored, and would read as its new default"
        for before, after in pairs
        for name, field in before.get("properties", {}).items()
        if _is_null_by_default(field)
        and "default" in (later := after.get("properties", {}).get(name, {}))
        and not _is_null_by_default(later)
    ]


def _is_null_by_default(field: Schema) -> bool:
    return "default" in field and field["default"] is None


def _fields(schema: Schema) -> dict[str, Schema]:
    """Return the schema of each field, with the definitions to which it may refer."""
    shared = {"$defs": schema.get("$defs", {})}
    return {name: {**shared, **field} for name, field in schema.get("properties", {}).items()}


def _covers(new: Schema, old: Schema) -> bool:
    # By stored form: a Decimal is no text, although it is one in JSON.
    stored = stored_schema(new), stored_schema(old)
    wide, narrow = (canonicalize(schema, draft=Draft202012, validate_formats=True) for schema in stored)
    return wide == narrow or wide.covers(narrow) == Containment.YES
