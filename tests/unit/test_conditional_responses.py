"""A client that has a response to GET already is sent no body."""

from __future__ import annotations

import pytest

from api.transports.conditional_responses import respond_conditionally

BODY = b'{"data":{}}'
JSON = "application/json"


def tag(body: bytes = BODY, content_type: str = JSON) -> str:
    return respond_conditionally({}, body, content_type).headers["etag"]


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', '"a",W/{} , "b"', "*"])
def test_the_tag_of_the_body_is_answered_without_it(sent: str) -> None:
    response = respond_conditionally({"if-none-match": sent.format(tag())}, BODY, JSON)
    assert (response.status_code, response.body) == (304, b"")
    assert response.headers["etag"] == tag()
    assert response.headers["cache-control"] == "private, no-cache"
    assert "content-length" not in response.headers


@pytest.mark.parametrize("sent", ["", '""', '"other"', "{0}x", "other, *"])
def test_any_other_tag_is_answered_with_the_body(sent: str) -> None:
    response = respond_conditionally({"if-none-match": sent.format(tag())}, BODY, JSON)
    assert (response.status_code, response.body) == (200, BODY)


def test_bodies_and_formats_have_tags_of_their_own() -> None:
    tags = {
        tag(),
        tag(b'{"data":null}'),
        tag(content_type="application/graphql-response+json; charset=utf-8"),
    }
    assert len(tags) == 3
