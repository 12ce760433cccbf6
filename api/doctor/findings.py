"""The results of checks of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

NO_FIGURES: Mapping[str, float] = MappingProxyType({})


class Sign(StrEnum):
    """OK: nothing to do. WARN: works, but should be corrected. FAIL: does not work, or is open to others."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """The result of one check. It contains no secret.

    `remedy` says what to do; it is empty only if there is nothing to do. `figures` are the numbers in the
    text, for programs. `section` is the part of the deployment that the check is about.
    """

    check: str
    sign: Sign
    text: str
    remedy: str = ""
    figures: Mapping[str, float] = NO_FIGURES
    section: str = ""

    def within(self, section: str) -> Finding:
        """Return the finding as one of the section."""
        return self._replace(section=section)

    @property
    def sentence(self) -> str:
        """The text, and what to do."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text

    def to_json(self) -> Mapping[str, Any]:
        """Return the finding as JSON has it."""
        return {
            "section": self.section,
            "check": self.check,
            "sign": self.sign,
            "text": self.text,
            "remedy": self.remedy or None,
            "figures": dict(self.figures),
        }


def ok(check: str, text: str, **figures: float) -> Finding:
    """Return a finding that needs no action."""
    return Finding(check, Sign.OK, text, figures=figures)


def warn(check: str, text: str, remedy: str, **figures: float) -> Finding:
    """Return a finding that should be corrected."""
    return Finding(check, Sign.WARN, text, remedy, figures)


def fail(check: str, text: str, remedy: str, **figures: float) -> Finding:
    """Return a finding that must be corrected."""
    return Finding(check, Sign.FAIL, text, remedy, figures)
