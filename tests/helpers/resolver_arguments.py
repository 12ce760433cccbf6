"""The arguments that resolvers of root fields get."""

from __future__ import annotations

from typing import Any

from graphql import execute, parse, validate

from tests.helpers.own_contexts import own_schema


def received_arguments(root: str, field: str, document: str, **variables: Any) -> dict[str, Any]:
    """Return the arguments with which the resolver of a root field is called."""
    arguments: dict[str, Any] = {}
    schema = own_schema()
    declared = schema.type_map[root].fields[field]  # type: ignore[attr-defined]
    resolver = declared.resolve
    declared.resolve = lambda _root, _info, **given: arguments.update(given)
    try:
        parsed = parse(document)
        assert not validate(schema, parsed)
        execute(schema, parsed, variable_values=variables)
    finally:
        declared.resolve = resolver
    return arguments
