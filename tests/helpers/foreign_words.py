"""Words that no message to a client may have."""

from __future__ import annotations

import re

FOREIGN = re.compile(
    r"\b(None|True|False|NoneType|Undefined)\b|\{'|"
    r"(?i:\b(dict|dictionary|tuple|frozenset|pydantic|python|instance)\b)"
)
"""Words and literals of Python that no message to a client has."""
