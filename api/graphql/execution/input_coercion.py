"""Coerces variables and arguments as graphql-core does, with what depends on the document worked out once.

Where a value is refused, graphql-core coerces it again and reports the errors. It does not document all parts
that are used here; tests/unit/test_dependencies.py lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_non_null_type,
    is_required_argument,
)
from graphql.execution import VariableValues
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource
from graphql.utilities import coerce_input_literal
from graphql.utilities.coerce_input_value import coerce_default_value

from api.graphql.execution.input_coercers import input_coercer

IMMUTABLE = (str, int, float, type(None))
"""Types of values that requests can share."""


class NotCoercible(Exception):
    """A value is not of the type that the schema declares; graphql-core has the error."""


class VariableCoercer:
    """Coerces the variables of one operation, whose declarations are read once."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        nodes = operation.variable_definitions or ()
        signatures = [get_variable_signature(schema, node) for node in nodes]
        self._signatures = [
            (each, input_coercer(each.type))
            for each in signatures
            if isinstance(each, GraphQLVariableSignature)
        ]
        self._is_valid = len(self._signatures) == len(signatures)

    def coerce(self, inputs: Mapping[str, Any]) -> VariableValues:
        """Return the values of the variables; raises NotCoercible."""
        if not self._is_valid:
            raise NotCoercible
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, coerce in self._signatures:
            name = signature.name
            value = inputs.get(name, Undefined)
            sources[name] = VariableValueSource(signature, value)
            if value is not Undefined:
                coerced[name] = _checked(coerce(value))
            elif signature.default is not None:
                coerced[name] = _default(signature)
            elif is_non_null_type(signature.type):
                raise NotCoercible
        return VariableValues(sources, coerced)


class _FromVariable(NamedTuple):
    """An argument whose value is a variable. Without a value it has the `default`, Undefined for none."""

    out_name: str
    variable: str
    is_non_null: bool
    is_required: bool
    default: Any


class _FromLiteral(NamedTuple):
    """An argument whose value is a literal that contains variables, or becomes a value that can change."""

    out_name: str
    node: ValueNode
    type: Any


class ArgumentCoercer:
    """Coerces the arguments of a field at one place of a valid document."""

    def __init__(self, field: GraphQLField, node: FieldNode) -> None:
        self._constants: dict[str, Any] = {}
        self._variables: list[_FromVariable] = []
        self._literals: list[_FromLiteral] = []
        values = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name, argument in field.args.items():
            self._add(argument.out_name or name, argument, values.get(name))

    def _add(self, out_name: str, argument: GraphQLArgument, value: ValueNode | None) -> None:
        default = coerce_default_value(argument)
        if value is None:
            if default is not Undefined:
                self._constants[out_name] = default
        elif isinstance(value, VariableNode):
            is_non_null, is_required = is_non_null_type(argument.type), is_required_argument(argument)
            self._variables.append(
                _FromVariable(out_name, value.name.value, is_non_null, is_required, default)
            )
        else:
            constant = coerce_input_literal(value, argument.type)
            if isinstance(constant, IMMUTABLE):
                self._constants[out_name] = constant
            else:
                self._literals.append(_FromLiteral(out_name, value, argument.type))

    def coerce(self, variables: VariableValues) -> dict[str, Any]:
        """Return the arguments by their Python names; raises NotCoercible."""
        arguments = self._constants.copy()
        coerced = variables.coerced
        for out_name, variable, is_non_null, is_required, default in self._variables:
            value = coerced.get(variable, Undefined)
            if value is Undefined and not is_required:
                value = default
            elif value is Undefined or (value is None and is_non_null):
                raise NotCoercible
            if value is not Undefined:
                arguments[out_name] = value
        for out_name, node, declared in self._literals:
            arguments[out_name] = _checked(coerce_input_literal(node, declared, variables))
        return arguments


def _checked(value: Any) -> Any:
    if value is Undefined:
        raise NotCoercible
    return value


def _default(signature: GraphQLVariableSignature) -> Any:
    try:
        return _checked(coerce_default_value(signature))
    except TypeError:
        raise NotCoercible from None
