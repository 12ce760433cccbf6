"""``python -m tests.faults.importer URL DATABASE FILE COMMANDS``: imports a file, and kills itself.

The process ends by SIGKILL as soon as it has dispatched so many commands and begins another one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from api.fleet.process_logs import PROCESS_LOG_READERS
from api.transfer.command_importer import CommandImporter
from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt
from tests.helpers.wired_bus import wired


async def run(mongo_url: str, database: str, path: Path, commands: int | None) -> bool:
    """Import the file, and kill the process after so many commands, or not for None.

    Return whether each row is stored or known.
    """
    remaining = commands

    async def kill(envelope: Envelope, next_handler: Handler) -> Receipt:
        nonlocal remaining
        if remaining is not None:
            if not remaining:
                os.kill(os.getpid(), signal.SIGKILL)
            remaining -= 1
        return await next_handler(envelope)

    async with wired(mongo_url, database, [kill]) as nerve:
        report = await CommandImporter(nerve.bus, nerve.log, PROCESS_LOG_READERS).run(path)
        return report.is_clean


def main() -> None:
    mongo_url, database, path, commands = sys.argv[1:]
    asyncio.run(run(mongo_url, database, Path(path), int(commands)))


if __name__ == "__main__":
    main()
