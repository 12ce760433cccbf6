"""Replies that a simulator makes up from the declared class of the reply."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from random import Random
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from domain.kernel.fields import Json
from domain.kernel.names import client_name
from domain.process.ports import Request, reply_class


def make_reply(request: Request[Any], given: Json, fixed: Mapping[str, Json], chance: Random) -> Json:
    """Return a reply: `fixed` fields first, then those that the request has too, then values made up.

    A field without a default whose type is none of str, int, float, bool, Enum and Literal is left out, and
    has to be among the fixed ones.
    """
    reply: dict[str, Json] = {}
    echoed = given if isinstance(given, dict) else {}
    for name, field in reply_class(type(request)).model_fields.items():
        shown = client_name(name)
        if name in fixed or shown in fixed:
            reply[shown] = fixed.get(shown, fixed.get(name))
        elif shown in echoed:
            reply[shown] = echoed[shown]
        elif field.is_required() and (value := _made_up(name, field, chance)) is not None:
            reply[shown] = value
    return reply


def _made_up(name: str, field: FieldInfo, chance: Random) -> Json:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        value: Json = get_args(kind)[0]
        return value
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return next(iter(kind)).value  # type: ignore[no-any-return]  # A member's value is Any.
    values: dict[type[Any], Json] = {
        str: f"{name}-{chance.randrange(16**8):08x}",
        int: chance.randrange(1, 1_000),
        float: chance.randrange(1, 1_000) / 10,
        bool: True,
    }
    return values.get(kind)
