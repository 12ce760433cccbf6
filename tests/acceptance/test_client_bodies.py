"""Bodies as clients send them: their charsets, codings and marks (C9, C10)."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import orjson
import pytest

from tests.helpers.agent_counts import ANSWER, COUNT, GRAPHQL, INSIDE, json_in
from tests.helpers.served_api import Served

TOKEN = "x-graphql-event-stream-token"


@pytest.mark.parametrize(
    "content",
    [
        "application/json; charset=utf8",
        "application/json; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json ; CHARSET = Utf8",
        "APPLICATION/JSON; charset=utf_8",
        "application/json; charset=us-ascii",
        "application/json; profile=x; charset=utf-8",
        "application/json;",
    ],
)
def test_c9_labels_of_utf8_are_read_as_labels(served: Served, content: str) -> None:
    assert served.post({"query": COUNT}, content_type=content).json() == ANSWER


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "ISO-8859-1", "nonsense", "not-utf-8"])
def test_c9_another_charset_is_named(served: Served, charset: str) -> None:
    response = served.post({"query": COUNT}, content_type=f"application/json; charset={charset}")
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["path"]) == (415, ["content-type"])
    assert charset.lower() in error["message"]


@pytest.mark.parametrize("accept", ["application/json;charset=utf8", f"{GRAPHQL}; charset=UTF-8"])
def test_c9_labels_are_labels_in_what_a_client_accepts(served: Served, accept: str) -> None:
    assert served.post({"query": COUNT}, accept=accept).json() == ANSWER


def _deflated(body: bytes) -> bytes:
    """Without zlib's header, as some clients send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("GZip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _deflated),
        ("identity", bytes),
        ("identity, gzip", gzip.compress),
        ("", bytes),
    ],
)
def test_c10_a_coded_body_is_decoded(served: Served, coding: str, encode: Any) -> None:
    body = encode(orjson.dumps({"query": COUNT}))
    for accept in ("application/json", "text/event-stream"):
        response = served.post(body, content_encoding=coding, accept=accept)
        assert orjson.loads(json_in(response.text)) == ANSWER


def test_c10_operations_of_a_shared_stream_may_be_coded_too(served: Served) -> None:
    token = served.http.put("/graphql").text
    body = gzip.compress(orjson.dumps({"query": COUNT, "extensions": {"operationId": "1"}}))
    assert served.post(body, content_encoding="gzip", **{TOKEN: token}).status_code == 202
    with served.http.stream("GET", "/graphql", headers={TOKEN: token, "accept": "text/event-stream"}) as s:
        seen = ""
        for line in s.iter_lines():
            seen += line
            if "complete" in line:
                break
    assert '"payload":{"data"' in seen


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "nonsense"])
def test_c10_another_coding_is_named_with_those_that_work(served: Served, coding: str) -> None:
    response = served.post({"query": COUNT}, content_encoding=coding)
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["path"]) == (415, ["content-encoding"])
    assert coding in error["message"]
    assert response.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_c10_a_body_that_grows_too_large_is_refused_early(served: Served, coding: str, encode: Any) -> None:
    bomb = encode(b" " * 50_000_000)
    assert len(bomb) < 100_000
    response = served.post(bomb, content_encoding=coding)
    assert response.status_code == 413
    assert "100000 bytes" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("cut", [lambda body: body[:-1], lambda body: body + b"x", lambda body: b"{" + body])
def test_c10_a_broken_coding_is_a_mistake_of_the_client(served: Served, coding: str, cut: Any) -> None:
    encode: Any = gzip.compress if coding == "gzip" else zlib.compress
    response = served.post(cut(encode(orjson.dumps({"query": COUNT}))), content_encoding=coding)
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["path"]) == (400, ["body"])
    assert coding in error["message"]
    assert not INSIDE.search(error["message"])


def test_a_byte_order_mark_is_no_part_of_the_body(served: Served) -> None:
    assert served.post(b"\xef\xbb\xbf" + orjson.dumps({"query": COUNT})).json() == ANSWER
