"""Archives a log once for each line that it reads, each time in a process of its own, which may kill itself.

``python -m tests.faults.archive_runs URL DATABASE FOLDER COMMITS``. A line is the number of the moment at
which the run kills itself with SIGKILL, counted over the moments before and behind each of its steps; 0:
never. It prints the run's process id, and how it ended. Being forked, a run starts at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

from eventstore.archiving.archive import Archive
from eventstore.archiving.blobs import BlobStore
from tests.helpers.archives import archiver, folder
from tests.helpers.commits import open_store


def mortal(deadly: int) -> None:
    """Make each step of the archiver count its beginning and its end, and kill the process at one of them."""
    moments = count(1)

    def step() -> None:
        if next(moments) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            step()
            outcome = await function(*arguments, **named)
            step()
            return outcome

        return wrapped

    from motor.motor_asyncio import AsyncIOMotorCollection as Collection

    for owner, name in (
        (BlobStore, "put"),
        (Archive, "prove"),
        (Collection, "insert_one"),
        (Collection, "update_many"),
    ):
        setattr(owner, name, around(getattr(owner, name)))


async def archive(url: str, database: str, path: str, commits: int, deadly: int) -> None:
    blobs = folder(Path(path))
    async with open_store(url, database, archive=blobs) as store:
        mortal(deadly)
        await archiver(store, blobs, commits).run(await store.log.high_water_mark())


def main(url: str, database: str, path: str, commits: int) -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(archive(url, database, path, commits, int(line)))
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
