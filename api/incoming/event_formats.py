"""CloudEvents of an HTTP request: structured, in batches, or binary. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from api.graphql.fields.command_inputs import read_input
from api.transfer.received_cloud_events import CloudEvent
from api.transports.request_bodies import HttpRejection, parse_json
from api.transports.response_formats import read_parameters
from domain.kernel.errors import ValidationFailed

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

MAX_BATCH = 100
"""Events of a batch."""

_ATTRIBUTE = "ce-"
"""What the headers of attributes begin with, in binary mode."""


class ReceivedRequest(NamedTuple):
    """The events of a request. `is_signed_whole`: a signature of the body covers their attributes too."""

    events: Sequence[CloudEvent]
    is_batch: bool
    is_signed_whole: bool


def read_request(headers: Mapping[str, str], body: bytes | bytearray) -> ReceivedRequest:
    """Return the events of a request, whose headers have names in lower case.

    Raises HttpRejection for a content type that has no CloudEvents, and ValidationFailed.
    """
    content_type, _ = read_parameters(headers.get("content-type", ""))
    if content_type == STRUCTURED:
        event = _read_event(parse_json(body, "body"))
        return ReceivedRequest([event], is_batch=False, is_signed_whole=True)
    if content_type == BATCH:
        return ReceivedRequest(_read_batch(parse_json(body, "body")), is_batch=True, is_signed_whole=True)
    if f"{_ATTRIBUTE}specversion" in headers:
        event = _read_binary(headers, body)
        return ReceivedRequest([event], is_batch=False, is_signed_whole=False)
    wrong = ValidationFailed(
        f"the body must be a CloudEvent: send {STRUCTURED}, {BATCH}, or JSON with the attributes in headers "
        f"such as {_ATTRIBUTE}type",
        ("content-type",),
    )
    raise HttpRejection(415, wrong)


def _read_batch(body: Any) -> list[CloudEvent]:
    if not isinstance(body, list) or not 0 < len(body) <= MAX_BATCH:
        raise ValidationFailed(f"a batch must be a list of 1 to {MAX_BATCH} events", ("body",))
    events = []
    for number, value in enumerate(body):
        try:
            events.append(_read_event(value))
        except ValidationFailed as error:
            raise ValidationFailed(str(error), (number, *error.path)) from None
    return events


def _read_event(value: Any) -> CloudEvent:
    if not isinstance(value, dict):
        raise ValidationFailed("an event must be a JSON object", ("body",))
    return read_input(CloudEvent, value)


def _read_binary(headers: Mapping[str, str], body: bytes | bytearray) -> CloudEvent:
    attributes: dict[str, Any] = {
        name.removeprefix(_ATTRIBUTE): unquote(value)
        for name, value in headers.items()
        if name.startswith(_ATTRIBUTE)
    }
    if body:
        attributes["datacontenttype"] = headers.get("content-type")
        attributes["data"] = parse_json(body, "body")
    return read_input(CloudEvent, attributes)
