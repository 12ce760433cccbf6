"""Text that changes a terminal where it is printed as it is."""

from __future__ import annotations

import re

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202egnp.exe\u2066"
"""Sets the title, clears the screen, changes the colour, and reverses the text that follows."""

_DANGEROUS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def is_harmless(printed: str) -> bool:
    """Return whether none of it changes a terminal; the styles of rich must be off."""
    return not _DANGEROUS.search(printed)
