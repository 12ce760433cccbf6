"""The parts of pymongo, uvicorn and websockets that nerve uses although no release promises to keep them.

Each is used by one module, which a failing test names with the library, its version and what it looked for.
"""

from __future__ import annotations

import asyncio
import inspect

import pymongo
import uvicorn
from pymongo.synchronous.pool import Connection
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import SEND_EOF, Protocol
from websockets.server import ServerProtocol

from tests.helpers.dependency_checks import accepts, check, takes


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
