"""The settings of Python's garbage collector in processes that live long."""

from __future__ import annotations

import gc

GARBAGE_THRESHOLD = 50_000
"""New containers between two runs of the cycle collector in an API. A page of commits, or a large request,
has tens of thousands and no cycle: with Python's default of 700, a quarter of a rebuild's time was spent
collecting.
"""

WORKER_GARBAGE_THRESHOLD = 200_000
"""The same in a worker. A thousand steps of processes that are under way have about 100,000 containers: with
a lower threshold a twelfth of a step's time was spent collecting what is in use.

It costs little memory, because hardly any garbage has cycles: after 20,000 steps a worker had 184 MB with it,
and 178 MB with 20,000, which took 8 % of the time.
"""


def collect_less() -> None:
    """Leave all that exists now out of later collections, and collect less often.

    The parts of an application live to the end. A collection that looks at them too takes 30 ms, and many new
    sockets or documents cause one after the other.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
