"""Input that pydantic checks."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from strawberry.utils.str_converters import to_camel_case

from domain.kernel.errors import ValidationFailed

M = TypeVar("M", bound=BaseModel)


def read_input(model: type[M], data: Any, *prefix: str) -> M:
    """`data` as the model; raises ValidationFailed about the first wrong value, its path behind `prefix`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = (*prefix, *first["loc"])
        place = ".".join(to_camel_case(str(part)) for part in path)
        raise ValidationFailed(f"{place}: {first['msg']}" if place else first["msg"], path) from None
