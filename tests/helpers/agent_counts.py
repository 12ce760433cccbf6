"""A query that clients of every kind send, its response, and words that no response may have."""

from __future__ import annotations

import re

COUNT = "{ agents { totalCount } }"
ANSWER = {"data": {"agents": {"totalCount": 0}}}
GRAPHQL = "application/graphql-response+json"
INSIDE = re.compile(
    r"[Pp]ydantic|[Pp]ython|\bdict\b|\bstr\b|\bint\b|NoneType|\bNone\b|Traceback|\bself\b|[a-z]_[a-z]|"
    r"Input should|Field required|valid dictionary|JSONDecodeError|codec|zlib|[Ee]xception|[Vv]alue error|0x"
)


def json_in(text: str) -> str:
    """Return the JSON object in a response of any format."""
    found = re.search(r"\{.*\}", text)
    assert found is not None, text
    return found[0]
