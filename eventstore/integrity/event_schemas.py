"""The schemas of stored events: the files next to each context, and checks against them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from bson.decimal128 import Decimal128
from jsonschema_rs import Draft202012Validator, ValidationError, meta

from domain.kernel import Catalog, Context, Event
from domain.kernel.errors import ConfigurationError, DeclarationError
from domain.kernel.schemas import BINARY, DATE, DECIMAL, Schema, event_schema, narrowings, stored_schema

FOLDER = "schemas"
"""The folder next to a context's aggregate that has its schemas."""

FILE = re.compile(r"(?P<type>.+)\.(?P<revision>[1-9]\d*)\.json")


class SchemaKey(NamedTuple):
    """Identifies a schema: one revision of an event type."""

    type: str
    revision: int

    def __str__(self) -> str:
        return f"{self.type} of revision {self.revision}"


SchemasOfLog = Mapping[SchemaKey, Sequence[Schema]]
"""The schemas that a log keeps for each revision of an event type, later ones last."""

NO_SCHEMAS: SchemasOfLog = MappingProxyType({})


def folder(context: Context) -> Path:
    """Return the folder of the context's schemas, which has files such as ``task.created.1.json``."""
    return _beside(context.aggregate)


def _beside(declared: type[Any]) -> Path:
    return Path(inspect.getfile(declared)).parent / FOLDER


def kept_schemas(catalog: Catalog) -> dict[SchemaKey, Schema]:
    """Read the schema files of the contexts. Raises ConfigurationError for a file without a valid schema."""
    folders = dict.fromkeys(map(folder, catalog.contexts))
    paths = [path for folder in folders for path in sorted(folder.glob("*.json"))]
    for event in dict.fromkeys(event for context in catalog.contexts for event in context.shared_events):
        paths += sorted(_beside(event).glob(f"{event.type}.*.json"))
    return dict(map(_read, paths))


def _read(path: Path) -> tuple[SchemaKey, Schema]:
    named = FILE.fullmatch(path.name)
    try:
        schema = orjson.loads(path.read_bytes())
        meta.validate(schema)
    except ValueError:
        named = None
    if named is None:
        raise ConfigurationError(f"{path} is no schema of an event; `nerve schema events` writes them")
    return SchemaKey(named["type"], int(named["revision"])), schema


def known_schemas(catalog: Catalog, of_log: SchemasOfLog) -> dict[SchemaKey, Sequence[Schema]]:
    """Return the schemas of stored events: from a file where there is one, else from the log.

    Raises ConfigurationError for a file without a valid schema.
    """
    return {**of_log, **{key: [schema] for key, schema in kept_schemas(catalog).items()}}


def write_schemas(catalog: Catalog) -> list[Path]:
    """Write the schemas of the declared events, and return the files that changed.

    Raises DeclarationError, and writes nothing, where an event could no longer read all that its file allows.
    """
    kept = kept_schemas(catalog)
    if refused := [text for event in catalog.events.values() for text in _narrower(event, kept)]:
        raise DeclarationError("; ".join(refused))
    written = []
    for context in catalog.contexts:
        for event in context.events:
            schemas = _beside(event) if event in context.shared_events else folder(context)
            path = schemas / f"{event.type}.{event.revision}.json"
            schema = event_schema(event)
            if kept.get(SchemaKey(event.type, event.revision)) != schema:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
                written.append(path)
    return written


def schema_problems(catalog: Catalog) -> list[str]:
    """Return what keeps the events from reading all stored data, and which files are out of date."""
    kept = kept_schemas(catalog)
    declared = [text for event in catalog.events.values() for text in _of_event(event, kept)]
    return declared + list(_orphans(catalog.events, kept))


def _of_event(event: type[Event], kept: Mapping[SchemaKey, Schema]) -> Iterator[str]:
    newest = SchemaKey(event.type, event.revision)
    narrower = list(_narrower(event, kept))
    yield from narrower
    if newest not in kept:
        yield f"{newest} has no schema yet; run `nerve schema events`"
    elif not narrower and kept[newest] != event_schema(event):
        yield f"{newest} is not as its schema says any more; run `nerve schema events`"
    if any(key.type == event.type for key in kept):
        yield from _gaps(event, kept)


def _gaps(event: type[Event], kept: Collection[SchemaKey]) -> Iterator[str]:
    """Earlier revisions without a file, where files of the type are kept."""
    for revision in range(1, event.revision):
        old = SchemaKey(event.type, revision)
        if old not in kept:
            yield (
                f"there is no file with the schema of {old}, which stored events may have; restore it, or "
                f"run `nerve schema events` in the version of the code that declares revision {revision}"
            )


def _narrower(event: type[Event], kept: Mapping[SchemaKey, Schema]) -> Iterator[str]:
    key = SchemaKey(event.type, event.revision)
    before = kept.get(key)
    if before is not None and (lost := narrowings(before, event_schema(event))):
        following = key.revision + 1
        yield (
            f"{event.__name__} would not read all that was stored as {key}: {', '.join(lost)}. "
            f"Declare it with revision={following} and an upcaster from {key.revision}, or give a new "
            "field a default; the file of a key that was never stored can be deleted"
        )


def _orphans(events: Mapping[str, type[Event]], kept: Iterable[SchemaKey]) -> Iterator[str]:
    for key in kept:
        if key.type not in events:
            yield f"there is a schema of {key}, but no such event; what is stored of it cannot be read"
        elif key.revision > events[key.type].revision:
            name = events[key.type].__name__
            yield f"there is a schema of {key}, but {name} is at revision {events[key.type].revision}"


class EventSchemas:
    """Checks stored events against the schemas of their revisions, in about a microsecond each.

    The schema of the newest revision comes from the code. Those of earlier revisions come from the files of
    the contexts, or without a file from the log (`of_log`); an event has to match one of them.
    """

    def __init__(self, catalog: Catalog, of_log: SchemasOfLog = NO_SCHEMAS) -> None:
        newest = {
            SchemaKey(event.type, event.revision): [event_schema(event)] for event in catalog.events.values()
        }
        schemas = known_schemas(catalog, of_log) | newest
        self._validators: dict[tuple[str, int], list[Draft202012Validator]] = {
            key: [Draft202012Validator(stored_schema(schema), mask="it") for schema in alternatives]
            for key, alternatives in schemas.items()
        }

    def violation(
        self, type: str, revision: int, data: Mapping[str, Any], absent: Collection[str] = ()
    ) -> str | None:
        """Return what is wrong with the data of a stored event, without the data itself, or None.

        `absent` are the fields that are stored sealed: each must allow None. Of a field that carries sealed
        values at paths inside it, the rest is stored in the data.
        """
        validators = self._validators.get((type, revision))
        if not validators:
            return f"there is no schema of {SchemaKey(type, revision)}"
        whole = [field for field in absent if "." not in field]
        stored: Any = {**dict.fromkeys(whole), **data} if whole else data
        # A value without a JSON type is invalid, or raises ValueError; both are rare.
        with suppress(ValueError):
            for validator in validators:
                if validator.is_valid(stored):
                    return None
        plain = _plain(stored)
        errors = [list(validator.iter_errors(plain)) for validator in validators]
        return "; ".join(map(_describe, errors[-1])) if all(errors) else None


def _plain(value: Any) -> Any:
    """Replace stored values without a JSON type by marks, and BSON integers by Python's."""
    match value:
        case datetime():
            return DATE
        case bytes():
            return BINARY
        case Decimal128():
            return DECIMAL
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case int() if not isinstance(value, bool):
            return int(value)
    return value


def _describe(error: ValidationError) -> str:
    place = ".".join(map(str, error.instance_path))
    return f"{place}: {error.message}" if place else error.message
