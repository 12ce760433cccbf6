"""The forms in which CloudEvents come over HTTP: one event is read alike in each of them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.incoming.event_formats import BATCH, STRUCTURED, read_request
from api.transfer.received_cloud_events import CloudEvent
from api.transports.request_bodies import HttpRejection
from domain.kernel.errors import ValidationFailed

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=5,
)
EVENTS = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "type": TEXT, "source": TEXT, "id": TEXT, "data": JSON},
    optional={"subject": TEXT, "time": st.just("2026-01-31T12:00:00Z"), "extension": TEXT},
)


def read_one(content_type: str, body: bytes, **headers: str) -> CloudEvent:
    request = read_request({"content-type": content_type, **headers}, body)
    assert not request.is_batch
    [event] = request.events
    return event


@given(EVENTS)
def test_an_event_is_read_alike_in_every_form(event: dict[str, Any]) -> None:
    structured = read_one(f"{STRUCTURED}; charset=utf-8", orjson.dumps(event))
    assert structured == CloudEvent.model_validate(event)
    assert structured.content() == event["data"]
    data = orjson.dumps(event["data"])
    attributes = {name: value for name, value in event.items() if name != "data"}
    encoded = orjson.dumps({**attributes, "data_base64": b64encode(data).decode()})
    read = read_one(STRUCTURED, encoded)
    assert read.content() == structured.content()
    assert read.model_copy(update={"data": read.content(), "data_base64": None}) == structured
    headers = {f"ce-{name}": quote(value) for name, value in attributes.items()}
    binary = read_one("application/json", data, **headers)
    assert binary.model_copy(update={"datacontenttype": None}) == structured
    batch = read_request({"content-type": BATCH}, orjson.dumps([event, event]))
    assert (batch.is_batch, batch.events) == (True, [structured, structured])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ("body",)),
        ({"type": "x", "source": "/x", "id": "1"}, ("specversion",)),
        ({"specversion": "1.0", "type": "x", "source": "/x", "id": ""}, ("id",)),
        (
            {"specversion": "1.0", "type": "x", "source": "/x", "id": "1", "datacontenttype": "a/b"},
            ("datacontenttype",),
        ),
        ({"specversion": "1.0", "type": 1, "source": "/x", "id": "1"}, ("type",)),
    ],
    ids=range(5),
)
def test_a_wrong_attribute_is_named(value: Any, path: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read_one(STRUCTURED, orjson.dumps(value))
    assert refused.value.path == path
    if isinstance(value, dict):
        with pytest.raises(ValidationFailed) as refused:
            read_request({"content-type": BATCH}, orjson.dumps([value]))
        assert refused.value.path == (0, *path)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "application/cloudevents+avro"]
)
def test_a_request_without_an_event_is_refused(content_type: str) -> None:
    """With the forms that are accepted."""
    with pytest.raises(HttpRejection) as refused:
        read_request({"content-type": content_type}, b"{}")
    assert refused.value.status == 415
    assert STRUCTURED in str(refused.value.error)
