"""CloudEvents 1.0 over HTTP, in structured, binary and batched mode, and in entries of Redis streams.

See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from api.encoding import encode
from api.extension_attributes import written_extensions
from api.written_cloud_events import cloud_attributes, cloud_data
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import WebhookMode
from domain.kernel import RecordedEvent
from domain.kernel.names import client_name

PERSONAL_ATTRIBUTES = ("actor", "authentication", "origin")
"""Attributes about the caller of a command, which are sent with personal data only, as all extensions are."""

Position = Callable[[RecordedEvent], str]
"""Returns the position of an event as clients have it."""

_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""Characters that the binding for HTTP does not encode in the value of a header."""


class Message(NamedTuple):
    """A request: its id, which is the same at each attempt, its body, and the headers that describe it."""

    id: str
    headers: Mapping[str, str]
    body: bytes


def make_message(webhook: Webhook, events: Sequence[RecordedEvent], position: Position) -> Message:
    """Return the request that has these events. Raises ValidationFailed and TypeError for unfit events."""
    if webhook.batch_size > 1:
        return _batch(webhook, events, position)
    [event] = events
    if webhook.mode is WebhookMode.STRUCTURED:
        content = {"content-type": "application/cloudevents+json"}
        return Message(event.id, content, structured_event(event, position, personal=webhook.personal))
    attributes = _attributes(event, position, personal=webhook.personal)
    headers = {"content-type": str(attributes.pop("datacontenttype"))}
    headers.update((f"ce-{name}", quote(str(value), safe=_SAFE)) for name, value in attributes.items())
    data = cloud_data(event, personal=webhook.personal, rename=client_name)
    return Message(event.id, headers, encode(data))


def structured_event(event: RecordedEvent, position: Position, *, personal: bool) -> bytes:
    """Return an event as a JSON object."""
    attributes = _attributes(event, position, personal=personal)
    return encode({**attributes, "data": cloud_data(event, personal=personal, rename=client_name)})


def stream_entry(event: RecordedEvent, position: Position, *, personal: bool) -> Mapping[str, bytes]:
    """Return an event as the fields of an entry of a Redis stream; all but `event` are for filters."""
    return {
        "id": event.id.encode(),
        "type": event.type.encode(),
        "tenant": event.commit.tenant.encode(),
        "stream": event.stream.encode(),
        "event": structured_event(event, position, personal=personal),
    }


def _batch(webhook: Webhook, events: Sequence[RecordedEvent], position: Position) -> Message:
    ids = "\n".join(event.id for event in events)
    items = [structured_event(event, position, personal=webhook.personal) for event in events]
    return Message(
        f"batch_{sha256(ids.encode()).hexdigest()[:32]}",
        {"content-type": "application/cloudevents-batch+json"},
        b"[%b]" % b",".join(items),
    )


def _attributes(event: RecordedEvent, position: Position, *, personal: bool) -> dict[str, Any]:
    extensions = written_extensions(event.commit.extensions) if personal else {}
    attributes = cloud_attributes(event, {"position": position(event), **extensions})
    if not personal:
        for name in PERSONAL_ATTRIBUTES:
            attributes.pop(name, None)
    return attributes
