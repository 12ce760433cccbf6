"""The short way for the fields that a response is mostly made of: leaves that are items of their source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import (
    Executor,
    GraphQLField,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_nullable_type,
    is_leaf_type,
)

from api.graphql.declare import ItemLookUp
from api.graphql.error_bodies import UnwritableValue


class Leaf(NamedTuple):
    """How such a field is written: from which item, and through what."""

    key: str
    coerce: Callable[[Any], Any]
    nullable: bool


Leaves = Mapping[str, Mapping[str, Leaf]]
"""By type and field."""


def find_leaves(schema: GraphQLSchema) -> Leaves:
    """All such fields of the schema."""
    objects = (declared for declared in schema.type_map.values() if isinstance(declared, GraphQLObjectType))
    return {
        declared.name: {name: leaf for name, field in declared.fields.items() if (leaf := _leaf(field))}
        for declared in objects
    }


def _leaf(field: GraphQLField) -> Leaf | None:
    nullable = not isinstance(field.type, GraphQLNonNull)
    inner: Any = get_nullable_type(field.type)
    if isinstance(field.resolve, ItemLookUp) and is_leaf_type(inner):
        return Leaf(field.resolve.key, field.resolve.writer(inner.coerce_output_value), nullable)
    return None


class CheckedExecutor(Executor[Any]):
    """graphql-core's executor, with an error of its own for values that cannot be written."""

    @staticmethod
    def complete_leaf_value(return_type: GraphQLLeafType, result: Any) -> Any:
        """The value as a response has it. Raises UnwritableValue where its type cannot represent it."""
        try:
            return Executor.complete_leaf_value(return_type, result)
        except Exception as error:
            raise UnwritableValue(return_type.name) from error


class LeafExecutor(CheckedExecutor):
    """Writes such leaves at once and does all else, every error too, as it is.

    For each leaf that saves the resolve info, the search for arguments and four calls.
    """

    def __init__(self, *parts: Any, leaves: Leaves, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._leaves = leaves

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """A subscription's events are executions of their own: each reads anew."""
        executor = super().build_per_event_executor(payload)
        executor.context_value = self.context_value.running(self.context_value.selections)
        # graphql-core 3.3 shares it with all events; each adds what no other finds, and it would only grow.
        executor._relevant_sub_fields = {}
        return executor

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Any,
        position_context: Any,
    ) -> Any:
        leaf = self._leaves[parent_type.name].get(field_details_list[0].node.name.value)
        if leaf is not None:
            try:
                value = source.get(leaf.key)
                if value is None and leaf.nullable:
                    return None
                written = leaf.coerce(value)
            except Exception:
                written = None
            if written is not None and written is not Undefined:
                return written
        return super().execute_field(parent_type, source, field_details_list, path, position_context)
