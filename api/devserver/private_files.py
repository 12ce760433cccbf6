"""Files and folders that only the user who runs nerve can read: credentials, keys and the data of servers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from domain.kernel.errors import ConfigurationError

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_private_folder(path: Path) -> None:
    """Create the folder if it is missing, and take the rights on it from other users.

    Raises ConfigurationError where it belongs to another user or cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {path} cannot be created ({error.strerror}); set NERVE_DATA_DIR to another folder"
        ) from None
    try:
        path.chmod(FOLDER_MODE)
    except PermissionError:
        raise ConfigurationError(
            f"the folder {path} belongs to another user; set NERVE_DATA_DIR to a folder of your own"
        ) from None


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing, empty, and take the rights on it from other users."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb")
    os.fchmod(file.fileno(), FILE_MODE)
    return file


def write_private(path: Path, text: str) -> None:
    """Write a file that is either the old or the new one after a crash, and never half of one."""
    new = path.with_name(f"{path.name}.new")
    with open_private(new) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in the file; a missing file is created with the secret that `make` returns."""
    if path.exists():
        path.chmod(FILE_MODE)
    else:
        write_private(path, make() + "\n")
    return path.read_text().strip()
