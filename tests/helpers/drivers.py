"""The MongoDB driver of the tests, and of the processes that they start."""

from __future__ import annotations

import os
from typing import cast

from eventstore.mongo.driver import Driver

DRIVER = "NERVE_MONGO_DRIVER"
"""The environment variable that says which driver opens MongoDB, in tests as in all of nerve."""


def chosen_driver() -> Driver:
    """The driver that this test, or a process that it has started, is to run on."""
    return cast(Driver, os.environ.get(DRIVER, "motor"))
