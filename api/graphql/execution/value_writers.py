"""Writers of values, compiled from a selection: what a response has of a value, without an execution.

graphql-core collects the fields of a selection for each object, and resolves, completes and checks each field
by itself. Where nothing in a selection can wait, a writer compiled once does the same. It raises where a
value does not fit its type; graphql-core then writes the value and its errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_non_null_type,
)

from api.execution_metrics import CoreReason
from api.graphql.execution.batched_fields import BatchedField
from api.graphql.execution.leaf_forms import LeafForm, leaf_form, names_of_choices
from api.graphql.execution.object_writers import Write
from api.graphql.execution.row_resolvers import BatchResolver
from api.graphql.execution.selected_fields import SelectedField
from api.graphql.execution.selection_tree import (
    ResponseField,
    SelectionSet,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.graphql.execution.write_functions import (
    FieldWriter,
    NotCompilable,
    ValueWriter,
    changed_item_writer,
    constant_writer,
    leaf_writer,
    list_writer,
    nullable_writer,
    object_writer,
    present_writer,
    refusing_writer,
)
from api.graphql.item_lookups import DirectResolver, ItemLookUp
from api.limits.byte_budget import ByteBudget

BASE_FIELDS = 200
FIELDS_PER_SELECTION = 2
"""What is compiled of a document has at most so many fields, with its fragments expanded at each spread."""


def max_fields(tree: SelectionTree) -> int:
    """Return how many fields may be compiled at once, and kept, of a document with this tree.

    A small document may expand to very many fields, and has other ones for each combination of the values of
    its conditions. This bound is in proportion to the size of the document, which is limited itself.
    """
    return BASE_FIELDS + FIELDS_PER_SELECTION * tree.size


class FieldWriters:
    """The writers of the fields of one document, compiled once for equal values of its conditions."""

    def __init__(self, tree: SelectionTree) -> None:
        self._tree = tree
        self._max_fields = max_fields(tree)
        self._conditions: dict[tuple[object, ...], Sequence[str]] = {}
        self._kept: dict[tuple[object, ...], Write | None] = {}
        self._compilers: list[WriterCompiler] = []
        """Those of the kept writers, which may compile more fields."""

    def find(
        self, declared: GraphQLObjectType, nodes: Sequence[FieldNode], variables: Variables
    ) -> Write | None:
        """Return the writer of the field that stands at these nodes of the document, in objects of a type.

        None where it is left to graphql-core.
        """
        # The document keeps its nodes alive, and so their identities are unique.
        place = (declared.name, *map(id, nodes))
        conditions = self._conditions.get(place)
        if conditions is None:
            conditions = self._conditions[place] = tuple(condition_variables(self._tree.below(nodes)))
        key = (place, *map(variables.get, conditions))
        if key not in self._kept:
            if len(self._kept) + sum(compiler.fields for compiler in self._compilers) >= self._max_fields:
                self._kept.clear()
                self._compilers.clear()
            self._kept[key] = self._compile(declared, nodes, variables, conditions)
        return self._kept[key]

    def _compile(
        self,
        declared: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        variables: Variables,
        conditions: Sequence[str],
    ) -> Write | None:
        if any(variables.get(name) is None for name in conditions):
            # A condition that is null is an error, which graphql-core reports with its path.
            return None
        name, selections = nodes[0].name.value, self._tree.below(nodes)
        field = ResponseField(name, name, nodes, declared.fields.get(name), selections)
        values = {name: variables[name] for name in conditions}
        compiler = WriterCompiler(self._tree, values, max_fields=self._max_fields)
        try:
            write = compiler.field(declared, field).from_object()
        except NotCompilable:
            return None
        self._compilers.append(compiler)
        return write


class WriterCompiler:
    """Compiles writers of values for these values of the conditions, which writers keep.

    If `defers_batched_fields`, the values of fields that have to be read become pending. `fields` counts the
    fields that were compiled; types of an interface or union are compiled when the first value has them.
    """

    def __init__(
        self,
        tree: SelectionTree,
        variables: Variables,
        *,
        defers_batched_fields: bool = False,
        max_fields: float = inf,
    ) -> None:
        self.fields = 0
        self._max_fields = max_fields
        self._tree = tree
        self._variables = variables
        self._defers_batched_fields = defers_batched_fields

    def value(self, declared: Any, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values of this type, with these selections; raises NotCompilable."""
        return self._value(declared, selections).write

    def _value(self, declared: Any, selections: Sequence[SelectionSet]) -> ValueWriter:
        inner: Any = get_nullable_type(declared)
        nullable = inner is declared
        if is_leaf_type(inner):
            return ValueWriter(leaf_writer(inner.coerce_output_value, nullable=nullable))
        value = self._present(inner, selections)
        return value._replace(write=nullable_writer(value.write)) if nullable else value

    def _present(self, declared: GraphQLOutputType, selections: Sequence[SelectionSet]) -> ValueWriter:
        """Return the writer of values that are neither leaves nor null."""
        if isinstance(declared, GraphQLList):
            item = self._value(declared.of_type, selections)
            # The code of an object does not write lists of lists.
            members = item.members if item.write_item is None else ()
            return ValueWriter(list_writer(item.write), members, item.write)
        if isinstance(declared, GraphQLObjectType):
            fields = self._tree.collect(selections, declared, self._variables)
            members = [self.field(declared, field).code(field.name) for field in fields]
            return ValueWriter(object_writer(members), members)
        if is_abstract_type(declared):
            return ValueWriter(self._abstract(declared, selections))
        raise NotCompilable

    def _abstract(self, declared: Any, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values of an interface or union: of each type when the first value has it."""
        writers: dict[str, Write] = {}

        def write_abstract(value: Any, budget: ByteBudget, context: Any) -> Any:
            name = declared.resolve_type(value, None, declared)
            write = writers.get(name)
            if write is None:
                write = writers[name] = self._possible(declared, name, selections)
            return write(value, budget, context)

        return write_abstract

    def _possible(self, declared: Any, name: str, selections: Sequence[SelectionSet]) -> Write:
        """Return the writer of values of an interface or union that are of the type with this name."""
        schema = self._tree.schema
        concrete = schema.type_map.get(name)
        if not isinstance(concrete, GraphQLObjectType) or not schema.is_sub_type(declared, concrete):
            raise NotCompilable
        try:
            return self._present(concrete, selections).write
        except NotCompilable as error:
            return refusing_writer(error.reason)

    def field(self, declared: GraphQLObjectType, field: ResponseField) -> FieldWriter:
        """Return the writer of a field of objects of this type; raises NotCompilable."""
        if self.fields >= self._max_fields:
            raise NotCompilable(CoreReason.SIZE)
        self.fields += 1
        definition = field.definition
        if definition is None:
            if field.field_name != "__typename":
                raise NotCompilable(CoreReason.INTROSPECTION)
            return FieldWriter(None, ValueWriter(constant_writer(declared.name)))
        resolver = definition.resolve
        if self._defers_batched_fields and isinstance(resolver, BatchResolver):
            write = self.value(definition.type, field.selections)
            selected = SelectedField.of(declared, definition, field)
            batched = BatchedField(field.name, selected, resolver, write)
            return FieldWriter(None, ValueWriter(constant_writer(None)), batched=batched)
        if not isinstance(resolver, ItemLookUp | DirectResolver):
            raise NotCompilable(CoreReason.RESOLVER)
        value = self._value(definition.type, field.selections)
        if isinstance(resolver, ItemLookUp) and resolver.change is not None:
            return FieldWriter(
                None, ValueWriter(changed_item_writer(resolver.key, resolver.change, value.write))
            )
        form = leaf_form(definition.type)
        names = names_of_choices(definition.type) if form is LeafForm.CHOICE else None
        nullable = not is_non_null_type(definition.type)
        if isinstance(resolver, ItemLookUp):
            return FieldWriter(resolver.key, value, form, nullable, names=names)
        value = value._replace(write=present_writer(value.write))
        return FieldWriter(None, value, form, nullable, resolver.read, names)
