"""Converting exported data of old revisions to its stored form, which upcasters expect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson.decimal128 import Decimal128

from domain.kernel import Catalog
from domain.kernel.fields import to_moment
from domain.kernel.rfc3339 import read_moment
from domain.kernel.schemas import Schema
from domain.kernel.types.stored_scalars import MICROSECOND
from domain.kernel.types.text_forms import read_bytes, read_decimal, read_duration
from eventstore.integrity.event_schemas import NO_SCHEMAS, SchemaKey, SchemasOfLog, known_schemas

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "date-time": lambda text: to_moment(read_moment(text)),
    "base64": read_bytes,
    "binary": read_bytes,
    "decimal": lambda text: Decimal128(read_decimal(text)),
    "duration": lambda text: read_duration(text) // MICROSECOND,
}
"""Readers by the format or encoding that a schema gives a text."""


class StoredFormReader:
    """Converts JSON data to its stored form, by the schema files of the contexts of a catalog.

    Without a file for a revision it uses the last schema that the log has for it (`of_log`).
    """

    def __init__(self, catalog: Catalog, of_log: SchemasOfLog = NO_SCHEMAS) -> None:
        self._catalog = catalog
        self._of_log = of_log
        self._schemas: Mapping[SchemaKey, Sequence[Schema]] | None = None

    def read(self, type: str, revision: int, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data as an event of this revision is stored, or unchanged without a schema.

        Raises ValueError for a text that does not have the format of the schema, ConfigurationError for a
        file without a valid schema.
        """
        if self._schemas is None:
            self._schemas = known_schemas(self._catalog, self._of_log)
        schemas = self._schemas.get(SchemaKey(type, revision))
        if not schemas:
            return data
        schema = schemas[-1]
        stored: Mapping[str, Any] = _stored(schema, schema, data)
        return stored


def _stored(schema: Schema, root: Schema, value: Any) -> Any:
    if value is None:
        return None
    schema = _resolved(schema, root)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        schema = _alternative([_resolved(each, root) for each in alternatives], root, value)
    if isinstance(value, dict):
        rest = schema.get("additionalProperties") or {}
        fields = schema.get("properties", {})
        return {
            name: _stored(fields.get(name) or _schema_or_any(rest), root, item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        places = schema.get("prefixItems", [])
        rest = _schema_or_any(schema.get("items"))
        schemas = [*places, *[rest] * max(0, len(value) - len(places))]
        return [_stored(each, root, item) for each, item in zip(schemas, value, strict=False)]
    read = _READERS.get(schema.get("format") or schema.get("contentEncoding") or "")
    return value if read is None or schema.get("type") != "string" else read(value)


def _schema_or_any(schema: Any) -> Schema:
    return schema if isinstance(schema, dict) else {}


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _alternative(alternatives: list[Schema], root: Schema, value: Any) -> Schema:
    """Return the schema of the union's member that the value belongs to, by a constant field."""
    present = [each for each in alternatives if each.get("type") != "null"]
    if len(present) == 1:
        return _resolved(present[0], root)
    for each in present:
        constants = {name: _constants(field) for name, field in each.get("properties", {}).items()}
        if isinstance(value, dict) and any(value.get(name) in found for name, found in constants.items()):
            return each
    return {}


def _constants(field: Schema) -> list[Any]:
    return [field["const"]] if "const" in field else field.get("enum", [])
