"""A PostgreSQL server for peers, as Debian's package postgresql installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.devserver.embedded import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"
_FOLDER = "/var/tmp"
"""On a disk, where a journal costs what it does. PostgreSQL's own user must reach it."""


def postgres_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs; None where there is none."""
    on_path = shutil.which("pg_ctl")
    if on_path is not None:
        return Path(on_path).resolve().parent
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


@contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Run a server with its default durability; yields the URL of its first database."""
    as_user: Sequence[str] = ()
    folder = Path(tempfile.mkdtemp(prefix="nerve-bench-", dir=_FOLDER))
    try:
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(folder, _USER, _USER)
            as_user = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups")
        data, port = folder / "data", free_port()
        _run(*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "nerve")
        control: tuple[str | Path, ...] = (
            *as_user,
            programs / "pg_ctl",
            "-D",
            data,
            "-w",
            "-l",
            folder / "log",
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        _run(*control, "-o", options, "start")
        try:
            yield f"postgresql+psycopg://nerve@127.0.0.1:{port}/postgres"
        finally:
            _run(*control, "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/")
