"""Events as CloudEvents 1.0: their attributes and data, for exports and publishing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from api.event_json import event_json
from domain.kernel import RecordedEvent
from domain.kernel.errors import ValidationFailed
from domain.kernel.personal import carried_subjects, personal_fields, put_personal
from domain.kernel.rfc3339 import write_moment
from domain.kernel.types.json_values import Rename
from domain.kernel.unreadable import describe_unreadable


def cloud_attributes(event: RecordedEvent, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an event; `shared` are further ones that all events of its commit have."""
    info = event.commit
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/nerve/{quote(info.tenant, safe='')}",
        "type": event.type,
        "subject": info.stream,
        "time": write_moment(event.time),
        "recordedtime": None if info.occurred is None else write_moment(info.at),
        "firstrecordedtime": None if info.recorded is None else write_moment(info.recorded),
        "datacontenttype": "application/json",
        "tenant": info.tenant,
        "category": info.category,
        **shared,
        "eventindex": event.place,
        "streamversion": event.version,
        "revision": event.revision,
        "command": info.command,
        "commandid": info.command_id,
        "correlationid": info.correlation,
        "causationid": info.causation,
        "actor": info.actor,
        "authentication": info.authentication,
        "origin": info.source,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def cloud_data(event: RecordedEvent, *, personal: bool, rename: Rename | None = None) -> Mapping[str, Any]:
    """Return the data of an event; without `personal` all personal fields are null.

    `rename` maps the names of fields. Raises ValidationFailed where the personal fields are unknown because
    no registered context declares the type of the event.
    """
    if event.payload is None:
        if event.subjects:
            raise ValidationFailed(
                f"cannot be exported, because it has personal data: {describe_unreadable(event)}"
            )
        return event.data
    kind = type(event.payload)
    values, personal_names = event_json(event, rename), personal_fields(kind)
    # In the order in which the fields are declared and stored; an upcaster may use another order.
    names = {name: rename(name) if rename else name for name in kind.model_fields}
    data = {name: values[shown] for name, shown in names.items() if shown in values}
    if personal:
        data = {
            name: value for name, value in data.items() if value is not None or name not in personal_names
        }
    else:
        put_personal(data, dict.fromkeys((*personal_names, *carried_subjects(event.payload))))
    return {shown: data[name] for name, shown in names.items() if name in data}
