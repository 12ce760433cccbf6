"""What operations cost, computed from the weights of the schema's fields before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    NullValueNode,
    OperationType,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)

from api.graphql.declare import WEIGHT
from api.graphql.execution.selection_tree import (
    FieldSelection,
    FragmentSelection,
    ResponseField,
    SelectionSet,
    SelectionTree,
    Variables,
    condition_variables,
)
from api.limits.weights import LEAF, LIST, Weight

MAX_KEPT = 100
"""Costs that are kept for a document, by the values of the variables that decide them."""

SIZES = ("first", "last")
_PAGE_FIELDS = frozenset({"nodes", "edges"})
_INTROSPECTION = {"__schema": ("__Schema", 1), "__type": ("__Type", 20)}
"""Undeclared fields of the query's type, with their type, and the number of types that each stands for."""


class Cost(NamedTuple):
    """The units that an operation costs, and the path of the field that costs most of them by itself."""

    units: int
    dearest: str


class OperationCosts:
    """Returns the costs of one document's operations; each is worked out once for equal variables."""

    def __init__(self, schema: GraphQLSchema, tree: SelectionTree, members: Mapping[str, float]) -> None:
        self._schema = schema
        self._tree = tree
        self._members = members
        self._deciding: dict[str | None, tuple[str, ...]] = {}
        self._kept: dict[tuple[object, ...], Cost] = {}

    def of(self, kind: OperationType, name: str | None, variables: Variables) -> Cost:
        """Return the cost of the operation with this name."""
        root = self._tree.operations[name]
        deciding = self._deciding.get(name)
        if deciding is None:
            deciding = self._deciding[name] = tuple(_deciding_variables(root))
        key = (name, *[_size_or_presence(variables.get(variable)) for variable in deciding])
        cost = self._kept.get(key)
        if cost is None:
            if len(self._kept) == MAX_KEPT:
                self._kept.clear()
            meter = _Meter(self._schema, self._tree, self._members, variables)
            meter.visit([root], self._schema.get_root_type(kind), 1, ())
            cost = self._kept[key] = Cost(ceil(meter.units), ".".join(meter.dearest))
        return cost


def introspection_members(schema: GraphQLSchema) -> Mapping[str, float]:
    """Return how many members the lists of the introspection have, on average over all types."""
    types = list(schema.type_map.values())
    shapes = [
        declared for declared in types if isinstance(declared, GraphQLObjectType | GraphQLInterfaceType)
    ]
    fields = [field for shape in shapes for field in shape.fields.values()]
    inputs = [declared for declared in types if isinstance(declared, GraphQLInputObjectType)]
    return {
        "types": len(types),
        "directives": len(schema.directives),
        "fields": len(fields) / len(types),
        "args": sum(len(field.args) for field in fields) / len(fields),
        "inputFields": sum(len(declared.fields) for declared in inputs) / len(types),
        "interfaces": 1,
        "possibleTypes": 1,
        "enumValues": 1,
        # Most types are wrapped once or not at all.
        "ofType": 0.5,
    }


def _deciding_variables(root: SelectionSet) -> set[str]:
    """Return the variables on which the cost depends: those of conditions, and of arguments that weigh."""
    variables = condition_variables([root])
    waiting, visited = [root], set[int]()
    while waiting:
        selections = waiting.pop()
        if id(selections) in visited:
            continue
        visited.add(id(selections))
        for member in selections.members:
            waiting.append(member.selections)
            if isinstance(member, FieldSelection) and member.definition is not None:
                weight = _weight(member.definition)
                variables.update(_argument_variables(member.node, {*SIZES, *weight.arguments}))
    return variables


def _argument_variables(node: FieldNode, names: set[str]) -> Iterator[str]:
    for argument in node.arguments or ():
        if argument.name.value in names and isinstance(argument.value, VariableNode):
            yield argument.value.name.value


def _size_or_presence(value: object) -> int:
    """Return the number of a page's size or a condition; of other values only whether there is one."""
    return value if isinstance(value, int) else -1 if value is None else 1


def _weight(definition: Any) -> Weight:
    weight: Weight | None = definition.extensions.get(WEIGHT)
    return weight or _NO_WEIGHT


_NO_WEIGHT = Weight()


class _Meter:
    """Adds up the cost of an operation with the variables of one request."""

    def __init__(
        self, schema: GraphQLSchema, tree: SelectionTree, members: Mapping[str, float], variables: Variables
    ) -> None:
        self._schema = schema
        self._tree = tree
        self._members = members
        self._variables = variables
        self.units = 0.0
        self.dearest: tuple[str, ...] = ()
        self._highest = 0.0

    def visit(
        self, selections: Sequence[SelectionSet], declared: Any, times: float, path: tuple[str, ...]
    ) -> None:
        """Count what is selected of so many objects of this type."""
        if is_abstract_type(declared):
            self._visit_dearest(selections, declared, times, path)
            return
        for field in self._tree.collect(selections, declared, self._variables):
            self._count_field(field, declared, times, (*path, field.name))

    def _visit_dearest(
        self, selections: Sequence[SelectionSet], declared: Any, times: float, path: tuple[str, ...]
    ) -> None:
        """Count an object that may be of several types as one of the type that costs most."""
        meters = []
        for name in _named_types(selections, self._schema) or [_any_type(self._schema, declared)]:
            meter = _Meter(self._schema, self._tree, self._members, self._variables)
            meter.visit(selections, self._schema.type_map[name], times, path)
            meters.append(meter)
        dearest = max(meters, key=lambda meter: meter.units)
        self._add(dearest.units, dearest.dearest)

    def _count_field(self, field: ResponseField, declared: Any, times: float, path: tuple[str, ...]) -> None:
        if field.definition is None:
            self._count_undeclared(field, times, path)
            return
        weight, named = _weight(field.definition), get_named_type(field.definition.type)
        size = 1 if weight.page is None else self._page(field.node, weight.page)
        units = weight.units + (0 if weight.page is None else size)
        units += sum(weight.arguments[name] for name in self._given(field.node, weight.arguments))
        is_list = is_list_type(get_nullable_type(field.definition.type))
        if is_leaf_type(named):
            self._add(times * (units + LEAF * (LIST if is_list else 1)), path)
            return
        self._add(times * units, path)
        if weight.total_count is not None:
            self._count_connection(field, named, times, size, weight.total_count, path)
            return
        if declared.name.startswith("__"):
            times *= self._members.get(field.field_name, 1)
        elif is_list:
            times *= LIST if weight.page is None else size
        self.visit(field.selections, named, times, path)

    def _count_connection(
        self,
        field: ResponseField,
        declared: Any,
        times: float,
        size: float,
        count: float,
        path: tuple[str, ...],
    ) -> None:
        for inner in self._tree.collect(field.selections, declared, self._variables):
            inner_path = (*path, inner.name)
            if inner.field_name == "totalCount":
                self._add(times * count, inner_path)
            elif inner.field_name in _PAGE_FIELDS and inner.definition is not None:
                self.visit(inner.selections, get_named_type(inner.definition.type), times * size, inner_path)
            else:
                self._count_field(inner, declared, times, inner_path)

    def _count_undeclared(self, field: ResponseField, times: float, path: tuple[str, ...]) -> None:
        """Count ``__typename``, ``__schema`` and ``__type``."""
        name, types = _INTROSPECTION.get(field.field_name, ("", 0))
        if name:
            self.visit(field.selections, self._schema.type_map[name], times * types, path)
        else:
            self._add(times * LEAF, path)

    def _page(self, node: FieldNode, default: int) -> int:
        """Return the size of a page that the client states, or else the default."""
        for argument in node.arguments or ():
            if argument.name.value in SIZES:
                match argument.value:
                    case VariableNode(name=name):
                        size = self._variables.get(name.value)
                    case IntValueNode(value=value):
                        size = int(value)
                    case _:
                        size = None
                if isinstance(size, int):
                    return max(0, size)
        return default

    def _given(self, node: FieldNode, names: Mapping[str, float]) -> Iterator[str]:
        """Yield those of the arguments that have a value."""
        for argument in node.arguments or ():
            match argument.value:
                case NullValueNode():
                    continue
                case VariableNode(name=name) if self._variables.get(name.value) is None:
                    continue
            if argument.name.value in names:
                yield argument.name.value

    def _add(self, units: float, path: tuple[str, ...]) -> None:
        self.units += units
        if units > self._highest:
            self._highest, self.dearest = units, path


def _named_types(selections: Iterable[SelectionSet], schema: GraphQLSchema) -> list[str]:
    """Return the object types that the fragments of these selections name, at this level."""
    names: dict[str, None] = {}
    waiting, visited = list(selections), set[int]()
    while waiting:
        selection_set = waiting.pop()
        if id(selection_set) in visited:
            continue
        visited.add(id(selection_set))
        for member in selection_set.members:
            if isinstance(member, FragmentSelection):
                waiting.append(member.selections)
                if isinstance(schema.type_map.get(member.type_name or ""), GraphQLObjectType):
                    names[member.type_name or ""] = None
    return list(names)


def _any_type(schema: GraphQLSchema, declared: Any) -> str:
    return schema.get_possible_types(declared)[0].name
