"""Fingerprints of code that a test changes: a process reads its code once, and fingerprints it once."""

from __future__ import annotations

from eventstore.fingerprint import code_fingerprint
from eventstore.sources import read_source


def forget_sources() -> None:
    """Let the next fingerprints be those of the code as it is now."""
    code_fingerprint.cache_clear()
    read_source.cache_clear()
