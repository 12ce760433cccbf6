"""The parts of dependencies that nerve uses although no release promises to keep them.

Each is used by one module, which a failing test names with the library, its version and what it looked for.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, cast

import graphql
import pymongo
import pytest
import strawberry
import uvicorn
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature
from graphql.execution.values import VariableValueSource
from graphql.pyutils import Path
from graphql.utilities.coerce_input_value import coerce_default_value
from pymongo.synchronous.pool import Connection
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import SEND_EOF, Protocol
from websockets.server import ServerProtocol

from tests.helpers.own_contexts import own_schema


def check(library: str, module: str, expected: str, holds: object) -> None:
    """Fail with the library, the version seen, what was expected of it, and the module that relies on it."""
    __tracebackhide__ = True
    if not holds:
        pytest.fail(f"{library} {version(library)}: expected {expected}; adapt {module}", pytrace=False)


def takes(function: Callable[..., Any], *names: str) -> bool:
    """Return whether the parameters of a function begin with these, and it needs no others."""
    parameters = list(inspect.signature(function).parameters.values())
    others = parameters[len(names) :]
    return [parameter.name for parameter in parameters[: len(names)]] == [*names] and all(
        parameter.default is not parameter.empty
        or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        for parameter in others
    )


def accepts(function: Callable[..., Any], names: Sequence[str]) -> bool:
    """Return whether a function has parameters with these names, in any order."""
    return set(names) <= set(inspect.signature(function).parameters)


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


def test_pymongo_lends_a_connection_as_expected() -> None:
    module, library = "eventstore/mongo/direct_connection.py", "pymongo"
    parameters = ("self", "read_preference", "session", "operation")
    function = getattr(pymongo.MongoClient, "_conn_for_reads", None)
    check(
        library, module, f"MongoClient._conn_for_reads{parameters}", function and takes(function, *parameters)
    )
    with pymongo.MongoClient[dict[str, object]](connect=False) as client:
        topology = client.topology_description
    check(library, module, "MongoClient.topology_description", callable(topology.server_descriptions))
    check(
        library, module, "Connection.close_conn(self, reason)", takes(Connection.close_conn, "self", "reason")
    )
    for name in ("self.address", "self.conn"):
        sources = [inspect.getsource(part) for part in Connection.__mro__ if part is not object]
        check(library, module, f"Connection.{name}", any(name in source for source in sources))


def test_uvicorn_serves_http_as_expected() -> None:
    module = "api/transports/uvicorn_http.py, api/transports/shortcut_protocol.py"
    library = "uvicorn"
    overridden: dict[str, tuple[str, ...]] = {
        "connection_made": ("self", "transport"),
        "connection_lost": ("self", "exc"),
        "data_received": ("self", "data"),
        "on_message_begin": ("self",),
        "on_headers_complete": ("self",),
        "on_message_complete": ("self",),
        "shutdown": ("self",),
        "timeout_keep_alive_handler": ("self",),
        "_unset_keepalive_if_required": ("self",),
    }
    for name, parameters in overridden.items():
        function = getattr(HttpToolsProtocol, name, None)
        check(
            library,
            module,
            f"HttpToolsProtocol.{name}{parameters}",
            function and takes(function, *parameters),
        )
    config = uvicorn.Config(lambda *_: None, http="httptools", lifespan="off")
    config.load()
    protocol = HttpToolsProtocol(config, ServerState(), {}, asyncio.new_event_loop())
    protocol.loop.close()
    for name in ("loop", "transport", "cycle", "client", "flow", "pipeline", "scope", "server_state"):
        check(library, module, f"HttpToolsProtocol.{name}", hasattr(protocol, name))
    used = ("response_started", "response_complete", "message_event", "keep_alive", "on_response")
    source = inspect.getsource(RequestResponseCycle.__init__)
    for name in used:
        check(library, module, f"RequestResponseCycle.{name}", f"self.{name} =" in source)
    cycle = inspect.signature(RequestResponseCycle).parameters
    check(library, module, "a request's cycle with its scope", "scope" in cycle)
    line = STATUS_LINE.get(408)
    check(
        library,
        module,
        "STATUS_LINE[408], the first line of a response",
        line is not None and line.startswith(b"HTTP/1.1 408 ") and line.endswith(b"\r\n"),
    )


def test_uvicorn_makes_sockets_and_stops_as_expected() -> None:
    parameters = ("config", "server_state", "app_state")
    check(
        "uvicorn",
        "api/transports/sockets/protocol.py",
        f"a WebSocket protocol{parameters}",
        takes(WebSocketsSansIOProtocol, *parameters),
    )
    check(
        "uvicorn",
        "api/transports/sockets/protocol.py",
        "ServerState.connections, a set",
        type(ServerState().connections) is set,
    )
    check(
        "uvicorn",
        "api/transports/sockets/protocol.py",
        "connections to be stopped by shutdown()",
        hasattr(WebSocketsSansIOProtocol, "shutdown"),
    )
    check(
        "uvicorn",
        "api/server.py",
        "Server.shutdown(sockets)",
        takes(uvicorn.Server.shutdown, "self", "sockets"),
    )


def test_websockets_parses_without_input_and_output_as_expected() -> None:
    module, library = "api/transports/sockets/protocol.py", "websockets"
    options = ("subprotocols", "select_subprotocol", "max_size")
    check(library, module, f"ServerProtocol with {options}", accepts(ServerProtocol, options))
    methods = (
        "accept",
        "reject",
        "send_response",
        "receive_data",
        "events_received",
        "data_to_send",
        "send_close",
    )
    for name in methods:
        check(library, module, f"ServerProtocol.{name}", callable(getattr(ServerProtocol, name, None)))
    parser = ServerProtocol()
    for name in ("state", "subprotocol", "close_sent", "parser_exc"):
        check(library, module, f"ServerProtocol.{name}", hasattr(parser, name))
    check(
        library, module, "SEND_EOF, an empty piece", SEND_EOF == b"" and issubclass(ServerProtocol, Protocol)
    )
