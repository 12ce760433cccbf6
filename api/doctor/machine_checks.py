"""Checks of the machine that the command runs on."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.devserver.folder import find_foreign_file
from api.doctor.findings import Finding, fail, ok, warn
from api.settings import Settings

LIBRARIES = ("pymongo", "motor", "redis", "cryptography", "joserfc", "strawberry-graphql", "uvicorn")

LOW_SPACE = 5_000_000_000
"""Free bytes below which a disk is about to be full."""

NO_SPACE = 500_000_000
"""Free bytes below which MongoDB cannot go on for long."""


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield the findings of all checks of this machine."""
    yield check_versions()
    if settings.data_dir.exists():
        yield check_space("disk of data_dir", settings.data_dir)
        yield check_modes(settings.data_dir)
    if settings.archive_url is not None and settings.archive_url.startswith("file:"):
        folder = Path(unquote(urlsplit(settings.archive_url).path))
        if folder.exists():
            yield check_space("disk of the archive", folder)
        else:
            yield fail("disk of the archive", f"{folder} does not exist", "create it, or mount its volume")


def check_versions() -> Finding:
    """Report the versions of nerve, Python and the libraries that matter for security."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return ok("versions", f"nerve {version('nerve')}, Python {platform.python_version()}, {libraries}")


def check_space(check: str, folder: Path) -> Finding:
    """Check that the disk of a folder is not about to be full."""
    return judge_space(check, shutil.disk_usage(folder).free, str(folder))


def judge_space(check: str, free: int, place: str) -> Finding:
    """Return the finding for a disk with so many free bytes."""
    text = f"{free / 1e9:,.1f} GB are free for {place}"
    if free < NO_SPACE:
        return fail(check, text, "make room", bytes=free)
    if free < LOW_SPACE:
        return warn(check, text, "make room soon", bytes=free)
    return ok(check, text, bytes=free)


def check_modes(folder: Path) -> Finding:
    """Check that no other user can read the data folder and the keys in it."""
    check = "rights on data_dir"
    if foreign := find_foreign_file(folder):
        text = f"{folder} has files that nerve did not create, such as {foreign}"
        return fail(
            check, text, f"set NERVE_DATA_DIR to a folder for nerve alone, such as {folder / 'nerve'}"
        )
    for path in (folder, *folder.glob("*"), *folder.glob("*/secret")):
        if path.stat().st_mode & 0o077:
            return fail(check, f"other users may use {path}", f"run: chmod -R go= {folder}")
    return ok(check, "only its user may read it")
