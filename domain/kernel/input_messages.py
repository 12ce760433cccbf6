"""Messages for errors of pydantic, in the words of the API. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from domain.kernel.types.text_forms import (
    EXPECTED_BYTES,
    EXPECTED_DATE,
    EXPECTED_DECIMAL,
    EXPECTED_DURATION,
    EXPECTED_TIME,
    EXPECTED_UUID,
)

_MESSAGES: Mapping[str, str] = {
    "missing": "a value is required",
    "extra_forbidden": "there is no such field",
    "none_required": "must be null",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_type": "must be a text",
    "string_unicode": "must be a text of whole characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_not_ascii": "must have ASCII characters only",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of 64 bits",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bytes_type": f"must be {EXPECTED_BYTES}",
    "bytes_too_short": "must have at least {min_length} bytes",
    "bytes_too_long": "must have at most {max_length} bytes",
    "date_past": "must be in the past",
    "date_future": "must be in the future",
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_aware": "must have an offset",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "must have a value in {discriminator}",
    "uuid_version": "must be a UUID of version {expected_version}",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_max_places": "must have at most {decimal_places} digits behind the decimal point",
    "decimal_whole_digits": "must have at most {whole_digits} digits before the decimal point",
    "invalid-json-value": "must be a JSON value",
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), f"must be {EXPECTED_DATE}"),
    "date_from_datetime_inexact": f"must be {EXPECTED_DATE}",
    **dict.fromkeys(("time_type", "time_parsing"), f"must be {EXPECTED_TIME}"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), f"must be {EXPECTED_DURATION}"),
    **dict.fromkeys(("uuid_type", "uuid_parsing"), f"must be {EXPECTED_UUID}"),
    **dict.fromkeys(("decimal_type", "decimal_parsing"), f"must be {EXPECTED_DECIMAL}"),
    **dict.fromkeys(
        (
            "datetime_type",
            "datetime_parsing",
            "datetime_object_invalid",
            "datetime_from_date_parsing",
        ),
        "must be a date and time as in RFC 3339",
    ),
    **dict.fromkeys(
        ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type", "deque_type"),
        "must be a list",
    ),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"),
        "must be an object",
    ),
}
"""By pydantic's name of the error; placeholders are entries of its context."""

_BOOLEAN = re.compile(r"\b(?<!')(True|False)\b(?!')")

_ONE = re.compile(r"\b(1 (?:item|character|byte|digit))s\b")
"""Where a message says ``1 items``."""

PYDANTIC_ERRORS = frozenset({*_MESSAGES, *get_args(ErrorType)})
"""The names of pydantic's errors; other names are those of authors."""

AUTHOR_ERRORS = ("value_error", "assertion_error")
"""Errors that a validator of the author raised; for a command the text is meant for the client."""


def input_message(error: ErrorDetails) -> str:
    """Return the message for the client."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in AUTHOR_ERRORS and str(context.get("error", "")):
        return str(context["error"])
    if kind in _MESSAGES:
        return _ONE.sub(r"\1", _MESSAGES[kind].format_map(_Context(context)))
    # The author of a command has chosen every other name, and its message.
    return "is no valid value here" if kind in PYDANTIC_ERRORS else error["msg"]


class _Context(dict[str, Any]):
    """The context of an error, with booleans as a client writes them."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return _BOOLEAN.sub(lambda match: match[0].lower(), value) if isinstance(value, str) else value
