"""A second client that asks a small question again and again, in a process of its own.

It prints the start and the duration of each request in seconds, by the clock that all processes share.
"""

from __future__ import annotations

import sys
import time
from http.client import HTTPConnection

QUESTION = b'{"query":"{ tasks(first: 1) { nodes { id } } }"}'
HEADERS = {"content-type": "application/json"}

ADDRESS = "127.0.0.2"
"""The client's own address, so that it is not limited with the attackers."""

PAUSE = 0.01
"""Seconds between two requests."""


def main(host: str, port: str) -> None:
    """Ask until the process is killed."""
    connection = HTTPConnection(host, int(port), source_address=(ADDRESS, 0))
    while True:
        start = time.monotonic()
        connection.request("POST", "/graphql", QUESTION, HEADERS)
        answer = connection.getresponse().read()
        print(start, time.monotonic() - start, b"errors" in answer, flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
