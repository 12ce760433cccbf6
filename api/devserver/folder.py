"""The data folder: who uses it, and where the instance that does can be reached."""

from __future__ import annotations

import fcntl
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, SecretStr

from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from eventstore.personal.sealing import new_key

DYING = 10.0
"""Seconds that the children of a killed instance may take to be gone."""


class RunningInstance(BaseModel):
    """A running `nerve dev`, as its data folder's `run.json` describes it.

    Only what it started itself is in there, so the file never holds a password.
    """

    pid: int
    url: str
    mongo_url: str | None
    redis_url: str | None


@contextmanager
def occupy_folder(folder: Path) -> Iterator[int]:
    """Hold the data folder; yields the lock's descriptor, for each child to keep open.

    The lock is free when all who hold the descriptor have ended, however they did (``man 2 flock``), so a
    folder whose instance was killed is free as soon as its last server is gone.
    Raises ConfigurationError where another instance is alive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, folder)
        try:
            yield lock
        finally:
            _run_file(folder).unlink(missing_ok=True)
    finally:
        os.close(lock)


def write_run_file(folder: Path, instance: RunningInstance) -> None:
    """Tell the other commands where the instance is."""
    _run_file(folder).write_text(instance.model_dump_json(indent=2) + "\n")


def find_instance(folder: Path) -> RunningInstance | None:
    """The instance that holds the folder, None where none does."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        if _locked(lock, fcntl.LOCK_SH):
            return None
        return RunningInstance.model_validate_json(_run_file(folder).read_text())
    except FileNotFoundError:
        return None
    finally:
        os.close(lock)


def instance_master_key(folder: Path) -> SecretStr:
    """The master key of the folder's own instance, in a file for its owner alone; made when asked for."""
    path = _key_file(folder)
    if not path.exists():
        # A key that is only half there would be lost with what it sealed.
        made = os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(made, "wb") as file:
            file.write(b64encode(new_key()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").rename(path)
    return SecretStr(path.read_text().strip())


def with_instance(settings: Settings) -> Settings:
    """The settings with what they leave to the running instance: its servers' URLs and its master key.

    Raises ConfigurationError where a URL is missing and nothing runs.
    """
    instance = find_instance(settings.data_dir)
    if instance is not None and settings.master_key is None and _key_file(settings.data_dir).exists():
        settings = settings.model_copy(update={"master_key": instance_master_key(settings.data_dir)})
    if settings.mongo_url and settings.redis_url:
        return settings
    if instance is None:
        raise ConfigurationError(
            f"no nerve is running with its data in {settings.data_dir}; start one with `nerve dev`,"
            " or set NERVE_MONGO_URL and NERVE_REDIS_URL"
        )
    found = {"mongo_url": instance.mongo_url, "redis_url": instance.redis_url}
    return settings.model_copy(update={name: SecretStr(url) for name, url in found.items() if url})


def _key_file(folder: Path) -> Path:
    return folder / "master.key"


def _run_file(folder: Path) -> Path:
    return folder / "run.json"


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + DYING
    while not _locked(lock, fcntl.LOCK_EX):
        owner = os.pread(lock, 20, 0).decode()
        if (owner and _alive(int(owner))) or time.monotonic() > deadline:
            raise ConfigurationError(
                f"the data folder {folder} is in use by the nerve with process id {owner} or its servers;"
                " stop them, or set NERVE_DATA_DIR to another folder"
            )
        time.sleep(0.05)
    _run_file(folder).unlink(missing_ok=True)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
