"""The parts of graphql-core and strawberry that nerve uses although no release promises to keep them.

Each is used by one module, which a failing test names with the library, its version and what it looked for.
"""

from __future__ import annotations

import inspect
from typing import Any, cast

import graphql
import strawberry
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature
from graphql.execution.values import VariableValueSource
from graphql.pyutils import Path
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

from tests.helpers.dependency_checks import accepts, check, takes
from tests.helpers.own_contexts import own_schema


def test_graphql_core_executes_fields_and_messages_as_expected() -> None:
    module, library = "api/graphql/execution/core_executor.py", "graphql-core"
    executor = graphql.Executor
    overridden = {
        "execute_field": ("self", "parent_type", "source", "field_details_list", "path", "position_context"),
        "build_per_event_executor": ("self", "payload"),
        "complete_leaf_value": ("return_type", "result"),
    }
    for name, parameters in overridden.items():
        function = getattr(executor, name, None)
        check(library, module, f"Executor.{name}{parameters}", function and takes(function, *parameters))
    check(
        library,
        module,
        "Executor.complete_leaf_value to be static",
        isinstance(inspect.getattr_static(executor, "complete_leaf_value", None), staticmethod),
    )
    options = ("context_value", "raw_variable_values", "operation_name", "is_awaitable", "custom_args")
    check(library, module, f"Executor.build with {options}", accepts(executor.build, options))
    check(library, module, "FieldDetails.node", "node" in FieldDetails._fields)
    schema = graphql.build_schema("type Query { a: Int }")
    bound: Any = executor.build(schema, graphql.parse("query ($x: Int = 1) { a @skip(if: false) }"))
    check(library, module, "Executor.variable_values.coerced", bound.variable_values.coerced == {"x": 1})
    check(library, module, "Executor._relevant_sub_fields, a dict", type(bound._relevant_sub_fields) is dict)
    again = bound.build_per_event_executor({})
    check(
        library,
        module,
        "a message's executor to share _relevant_sub_fields, which nerve replaces",
        again._relevant_sub_fields is bound._relevant_sub_fields,
    )
    for name in ("execute_root_selection_set", "execute_subscription_event", "create_source_event_stream"):
        check(library, module, f"graphql.{name}(executor)", takes(getattr(graphql, name), "executor"))
    check(
        library,
        module,
        "graphql.map_source_to_response_event(executor, source_event_stream)",
        takes(graphql.map_source_to_response_event, "executor", "source_event_stream"),
    )


def test_graphql_core_coerces_inputs_as_expected() -> None:
    module, library = "api/graphql/execution/input_coercion.py", "graphql-core"
    check(library, module, "coerce_default_value(input_value)", takes(coerce_default_value, "input_value"))
    signature = ("name", "type", "default", "default_value")
    check(
        library, module, f"GraphQLVariableSignature{signature}", GraphQLVariableSignature._fields == signature
    )
    source = ("signature", "value")
    check(library, module, f"VariableValueSource{source}", VariableValueSource._fields == source)
    schema = graphql.build_schema("type Query { a(x: Int = 1): Int }")
    argument = cast(graphql.GraphQLObjectType, schema.query_type).fields["a"].args["x"]
    check(library, module, "coerce_default_value to return the default", coerce_default_value(argument) == 1)


def test_graphql_core_gives_resolvers_what_compiled_code_gives_them() -> None:
    module, library = "api/graphql/execution/compiled_operations.py", "graphql-core"
    fields = (
        "field_name",
        "field_nodes",
        "return_type",
        "parent_type",
        "path",
        "schema",
        "fragments",
        "root_value",
        "operation",
        "variable_values",
        "context",
        "is_awaitable",
        "abort_signal",
        "async_helpers",
    )
    check(library, module, f"GraphQLResolveInfo{fields}", graphql.GraphQLResolveInfo._fields == fields)
    check(library, module, "Path(prev, key, typename)", Path._fields == ("prev", "key", "typename"))


def test_graphql_core_has_the_attributes_of_types_that_are_set() -> None:
    module, library = "api/graphql/plain_values.py", "graphql-core"
    attributes = {
        graphql.GraphQLObjectType: ("is_type_of", "fields"),
        graphql.GraphQLInterfaceType: ("resolve_type",),
        graphql.GraphQLUnionType: ("resolve_type",),
        graphql.GraphQLInputObjectType: ("is_one_of", "out_type", "fields"),
        graphql.GraphQLEnumType: ("coerce_output_value", "coerce_input_value", "coerce_input_literal"),
        graphql.GraphQLField: ("resolve", "subscribe", "args"),
        graphql.GraphQLArgument: ("out_name", "default_value"),
        graphql.GraphQLInputField: ("out_name", "default_value"),
    }
    for declared, names in attributes.items():
        known = {*dir(declared), *declared.__annotations__, *inspect.signature(declared).parameters}
        for name in names:
            check(library, module, f"{declared.__name__}.{name}", name in known)


def test_strawberry_makes_fields_and_types_as_expected() -> None:
    module, library = "api/graphql/strawberry_internals.py", "strawberry-graphql"
    field = (
        "python_name",
        "graphql_name",
        "type_annotation",
        "description",
        "default",
        "is_subscription",
        "metadata",
    )
    check(library, module, f"StrawberryField with {field}", accepts(StrawberryField, field))
    resolve = getattr(StrawberryField, "resolve_type", None)
    check(
        library,
        module,
        "StrawberryField.resolve_type(type_definition)",
        resolve and takes(resolve, "self", "type_definition"),
    )
    names = ("python_name", "graphql_name", "type_annotation")
    check(library, module, f"StrawberryArgument{names}", takes(StrawberryArgument, *names))
    check(
        library,
        module,
        "StrawberryArgument with description, default, metadata",
        accepts(StrawberryArgument, ("description", "default", "metadata")),
    )
    check(library, module, "StrawberryAnnotation(annotation)", takes(StrawberryAnnotation, "annotation"))
    scalar = ("name", "description", "specified_by_url", "serialize", "parse_value", "parse_literal")
    check(library, module, f"ScalarDefinition{scalar}", takes(ScalarDefinition, *scalar))
    check(
        library, module, "ScalarDefinition with implementation", accepts(ScalarDefinition, ["implementation"])
    )
    check(
        library,
        module,
        "GraphQLCoreConverter.DEFINITION_BACKREF",
        hasattr(GraphQLCoreConverter, "DEFINITION_BACKREF"),
    )


def test_strawberry_makes_schemas_as_expected() -> None:
    module, library = "api/graphql/strawberry_internals.py", "strawberry-graphql"

    @strawberry.type
    class Query:
        a: int = 1

    fields = getattr(getattr(Query, "__strawberry_definition__", None), "fields", None)
    check(library, module, "__strawberry_definition__.fields, a list", type(fields) is list)
    core = getattr(strawberry.Schema(Query), "_schema", None)
    check(library, module, "Schema._schema, of graphql-core", isinstance(core, graphql.GraphQLSchema))


def test_strawberry_leaves_its_definitions_in_the_schema() -> None:
    module, library = "api/graphql/plain_values.py", "strawberry-graphql"
    schema = own_schema()
    key, types = GraphQLCoreConverter.DEFINITION_BACKREF, schema.type_map
    tasks: Any = schema.query_type and schema.query_type.fields["tasks"]
    command: Any = types["CreateTaskInput"]
    definitions: list[tuple[Any, tuple[str, ...]]] = [
        (tasks, ("python_name", "metadata", "base_resolver", "is_subscription")),
        (tasks.args["orderBy"], ("python_name", "metadata")),
        (command, ("is_one_of",)),
        (command.fields["title"], ("python_name", "metadata")),
        (types["TaskStatus"], ()),
    ]
    for core, names in definitions:
        definition = core.extensions.get(key)
        check(library, module, f"a definition of {core!r} in its extensions", definition is not None)
        for name in names:
            check(library, module, f"{type(definition).__name__}.{name}", hasattr(definition, name))
