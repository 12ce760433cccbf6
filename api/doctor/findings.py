"""The results of checks of a deployment."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Sign(StrEnum):
    """OK: nothing to do. WARN: works, but should be corrected. FAIL: does not work, or is open to others."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """The result of one check; `text` also says what to do. It contains no secret."""

    check: str
    sign: Sign
    text: str


def ok(check: str, text: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(check, Sign.OK, text)


def warn(check: str, text: str) -> Finding:
    """Return a finding that should be corrected."""
    return Finding(check, Sign.WARN, text)


def fail(check: str, text: str) -> Finding:
    """Return a finding that must be corrected."""
    return Finding(check, Sign.FAIL, text)
