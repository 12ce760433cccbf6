"""What is to be started, and how it is sent to the fork server."""

from __future__ import annotations

import array
import json
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MAX_REQUEST = 200_000
"""Bytes of a request, which contains an environment."""

MAX_DESCRIPTORS = 32

STANDARD = (0, 1, 2)
"""The descriptors of stdin, stdout and stderr."""


class Start(NamedTuple):
    """A module to be run with these arguments.

    `paths` are folders of modules that only the program has, not the fork server. `parent` is the process of
    pytest. The program inherits the descriptors `kept` with their numbers, and the standard ones. If it is
    `bound`, it is killed when its parent ends.
    """

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    paths: Sequence[str]
    parent: int
    kept: Sequence[int]
    bound: bool
    own_session: bool

    def send(self, requests: socket.socket, standard: Sequence[int]) -> None:
        """Send the start, with the descriptors that become the standard ones of the program."""
        numbers = array.array("i", [*standard, *self.kept])
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)
        requests.sendmsg([json.dumps(self._asdict()).encode()], [rights])


def receive_start(requests: socket.socket) -> tuple[Start, list[int]] | None:
    """Receive the next start and its descriptors; None if there will be none."""
    numbers = array.array("i")
    size = socket.CMSG_SPACE(MAX_DESCRIPTORS * numbers.itemsize)
    message, ancillary, _, _ = requests.recvmsg(MAX_REQUEST, size)
    if not message:
        return None
    for _, _, content in ancillary:
        numbers.frombytes(content)
    return Start(**json.loads(message)), list(numbers)
