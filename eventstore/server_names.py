"""Names of the server processes of a deployment, in messages and leases that all of them see."""

from __future__ import annotations

import os
import socket
from uuid import uuid4


def server_name() -> str:
    """Return the name by which people find this server: its machine, and the id of its process there."""
    return f"{socket.gethostname()}:{os.getpid()}"


def unique_server_name() -> str:
    """Return a new name that begins with that of this server, and that no other server has."""
    return f"{server_name()}:{uuid4().hex[:8]}"
