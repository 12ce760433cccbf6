"""Responses as bytes."""

from __future__ import annotations

import tracemalloc

from api.encoding import encode, encode_to_keep


def test_what_is_kept_takes_the_memory_of_its_own_length() -> None:
    tracemalloc.start()
    try:
        kept = [encode_to_keep({"number": number}) for number in range(1_000)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept == [encode({"number": number}) for number in range(1_000)]
    assert used < 100 * len(kept)
