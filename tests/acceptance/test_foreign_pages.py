"""E1: web pages of other origins, in a real browser, and what clients that are no browser notice of it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from api.devserver.embedded import free_port
from tests.acceptance.clients.programs import PACKAGE, node_with_clients, require
from tests.helpers.served_api import PATIENCE, Served, serve

DEADLINE = 120.0
WAYS_THAT_WRITE = ("POST of JSON", "WebSocket")
FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:5173", "sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
    {"host": "evil.example"},
    {"host": "evil.example:8321", "origin": "http://evil.example:8321"},
]
QUERY = {"query": "{ tasks { totalCount } }"}
CREATE = {"query": 'mutation { createTask(input: { title: "t" }) { receipt { version } } }'}


@contextmanager
def _page(folder: Path) -> Iterator[int]:
    """The port of another server on this machine, which serves one empty page."""
    (folder / "index.html").write_text("<!doctype html><title>foreign</title><body></body>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def database(mongo_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@contextmanager
def _served(mongo_url: str, redis_url: str, database: str, **settings: Any) -> Iterator[Served]:
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database, **settings) as served:
        yield served


def _browse(nerve: str, rebound: str, *pages: str) -> list[dict[str, Any]]:
    """Return what each of these pages got to see of nerve."""
    chromium = require("chromium", "chromium-browser", "google-chrome")
    command = [node_with_clients(), "foreign.mjs", chromium, nerve, rebound, *pages]
    done = subprocess.run(
        command, cwd=PACKAGE, stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=True
    )
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    return seen


@pytest.mark.browser
def test_e1_a_foreign_page_in_a_browser_neither_reads_nor_writes(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    with _page(tmp_path) as port, _served(mongo_url, redis_url, database) as served:
        nerve, rebound = f"http://127.0.0.1:{served.port}", f"http://evil.example:{served.port}"
        seen = _browse(nerve, rebound, f"http://evil.example:{port}/", f"http://localhost:{port}/")
        assert served.stored() == []
    for one in seen:
        assert all(_saw_nothing(text) for text in one["cross"].values()), one["cross"]
        assert one["framed"].startswith("TypeError"), one["framed"]
        # Its own origin answers: what it sees there is the refusal, and nothing else.
        assert all(_saw_nothing(text) or "allowed_hosts" in text for text in one["rebound"].values()), one
        assert one["linked"] == "nerve · GraphiQL", "a link on a foreign page leads to GraphiQL"


@pytest.mark.browser
def test_e1_the_same_ways_read_and_write_where_the_page_is_listed(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    """So the test above fails where the guard does not hold."""
    with _page(tmp_path) as port:
        listed = f"http://app.example:{port}"
        settings = {"allowed_origins": [listed], "allowed_hosts": ["rebound.example"]}
        with _served(mongo_url, redis_url, database, **settings) as served:
            [seen] = _browse(
                f"http://127.0.0.1:{served.port}", f"http://rebound.example:{served.port}", f"{listed}/"
            )
            stored = served.ask("{ tasks(first: 100) { nodes { title } } }")
    for group in ("cross", "rebound"):
        for way in ("GET", "metrics", "page", "PUT", "EventSource", *WAYS_THAT_WRITE):
            assert not _saw_nothing(seen[group][way]), (group, way, seen[group][way])
    titles = [task["title"] for task in stored["tasks"]["nodes"]]
    assert sorted(titles) == sorted([*WAYS_THAT_WRITE, "multipart"] * 2)
    assert seen["framed"].startswith("TypeError"), "a frame of no origin is not the page around it"


def _saw_nothing(text: str) -> bool:
    return "Error: " in text or text.startswith(("opaque", "TypeError"))


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()))
def test_e1_every_endpoint_refuses_them_and_says_what_to_set(served: Served, headers: dict[str, str]) -> None:
    before = served.stored()
    http, setting = served.http, "allowed_hosts" if "host" in headers else "allowed_origins"
    refused = [
        http.post("/graphql", json=CREATE, headers=headers),
        http.post("/graphql/", json=CREATE, headers=headers),
        http.post("/graphql", json=CREATE, headers={**headers, "accept": "text/event-stream"}),
        http.post("/graphql", json=CREATE, headers={**headers, "accept": "multipart/mixed"}),
        http.get("/graphql", params=QUERY, headers=headers),
        http.put("/graphql", headers=headers),
        http.delete("/graphql", headers=headers),
        http.options("/graphql", headers={**headers, "access-control-request-method": "POST"}),
        http.get("/graphiql", headers=headers),
        http.get("/graphiql/assets/index.js", headers=headers),
        http.get("/metrics", headers=headers),
        http.get("/", headers=headers),
    ]
    for response in refused:
        assert response.status_code == 403, response.request.url
        [error] = response.json()["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert setting in error["message"]
        assert "access-control-allow-origin" not in response.headers
    assert served.stored() == before


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(headers.values()))
def test_e1_handshakes_are_refused_with_the_same_error(served: Served, headers: dict[str, str]) -> None:
    others = {name: value for name, value in headers.items() if name != "origin"}
    origin = Origin(headers["origin"]) if "origin" in headers else None
    host = others.pop("host", None)
    address = f"ws://{host or f'127.0.0.1:{served.port}'}/graphql"
    protocols = [Subprotocol("graphql-transport-ws")]
    raw = socket.create_connection(("127.0.0.1", served.port))
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address, sock=raw, subprotocols=protocols, origin=origin, additional_headers=others),
    ):
        pass
    response = refused.value.response
    assert response.status_code == 403
    assert response.body is not None
    assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_e1_health_checks_answer_under_any_name_but_no_foreign_page(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert served.get(path, host="balancer.example").status_code in (200, 503)
        assert served.get(path, origin="https://evil.example").status_code == 403


def test_e1_a_link_leads_to_a_page_but_a_frame_does_not(served: Served) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert served.http.get("/graphiql", headers=link).status_code == 200
    assert served.http.get("/console", headers=link).status_code in (200, 503)  # 503: it is not built
    assert served.http.get("/", headers=link).status_code == 307
    assert served.http.get("/graphql", params=QUERY, headers=link).status_code == 403
    assert served.http.get("/graphiql", headers={**link, "sec-fetch-dest": "iframe"}).status_code == 403
    assert served.http.get("/graphiql", headers={**link, "host": "evil.example"}).status_code == 403


def test_a_listed_origin_gets_its_preflight_and_its_headers(
    mongo_url: str, redis_url: str, database: str
) -> None:
    origin = "http://localhost:5173"
    with _served(mongo_url, redis_url, database, allowed_origins=[origin], worker=False) as served:
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-graphql-event-stream-token",
            "access-control-request-private-network": "true",
        }
        preflight = served.http.options("/graphql", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-allow-private-network"] == "true"
        assert preflight.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
        assert {"POST", "PUT", "DELETE"} <= set(preflight.headers["access-control-allow-methods"].split(", "))
        answer = served.http.post("/graphql", json=CREATE, headers={"origin": origin})
        assert answer.json()["data"]["createTask"]["receipt"] == {"version": 1}
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        refused = served.http.post("/graphql", content=b"{", headers={"origin": origin})
        assert refused.headers["access-control-allow-origin"] == origin, "errors can be read as well"
        assert "access-control-allow-origin" not in served.post(QUERY).headers
        with connect(
            f"ws://127.0.0.1:{served.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            origin=Origin(origin),
        ) as live:
            live.send('{"type": "connection_init"}')
            assert json.loads(live.recv(timeout=PATIENCE)) == {"type": "connection_ack"}


def test_e1_a_workers_metrics_are_not_for_foreign_pages(
    mongo_url: str, redis_url: str, database: str
) -> None:
    port = free_port()
    with _served(mongo_url, redis_url, database, metrics_port=port):
        url = f"http://127.0.0.1:{port}/metrics"
        assert "events_total" in httpx.get(url, timeout=PATIENCE).text
        for headers in FOREIGN:
            refused = httpx.get(url, headers=headers, timeout=PATIENCE)
            assert (refused.status_code, "allowed_" in refused.text) == (403, True)
