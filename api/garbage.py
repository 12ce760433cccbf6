"""The settings of Python's garbage collector in processes that live long."""

from __future__ import annotations

import gc

GARBAGE_THRESHOLD = 50_000
"""New containers between two runs of the cycle collector, in a worker and in an API. A page of commits,
or a large request, has tens of thousands and no cycle: with Python's default of 700, a quarter of a rebuild's
time was spent collecting.
"""


def collect_less() -> None:
    """Leave all that exists now out of later collections, and collect less often.

    The parts of an application live to the end. A collection that looks at them too takes 30 ms, and many new
    sockets or documents cause one after the other.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
