"""The settings of Python's garbage collector in processes that live long."""

from __future__ import annotations

import gc

GARBAGE_THRESHOLD = 2_000
"""New containers between two runs of the cycle collector in an API. To free 50,000 takes 25 ms, in which all
requests wait; to free this many takes 1 ms. A request with 15,000 objects takes a tenth longer for it, and
one with 20 objects does not.
"""

OLDER_THRESHOLDS = (10, 250)
"""Runs before one that also looks at what survived an earlier one, and of these before one for everything: it
takes tens of milliseconds in a process with many sockets and cached documents. With Python's default of 10,
and of 700 new containers, a quarter of a rebuild's time was spent collecting.
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
    gc.set_threshold(GARBAGE_THRESHOLD, *OLDER_THRESHOLDS)
