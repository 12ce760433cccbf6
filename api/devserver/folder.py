"""The data folder: the lock of the instance that uses it, and how other commands find that instance."""

from __future__ import annotations

import fcntl
import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from api.devserver.private_files import keep_secret, make_private_folder, write_private
from api.settings import Settings
from api.settings_file import PREFIX
from domain.kernel.errors import ConfigurationError
from eventstore.personal.sealing import new_key

CHILD_EXIT_TIMEOUT = 10.0
"""Seconds that the child processes of a killed instance may take to end."""


class SharedSettings(BaseModel):
    """The settings in which other commands have to agree with a running instance; none of them is secret."""

    model_config = ConfigDict(from_attributes=True)

    database: str
    contexts: tuple[str, ...]
    redis_cluster: bool
    archive_url: str | None


class RunningInstance(BaseModel):
    """A running `nerve dev`, as `run.json` in its data folder describes it.

    The URLs contain the passwords of the servers that the instance has started, so only its user can read it.
    """

    pid: int
    url: str
    mongo_url: str
    redis_url: str
    settings: SharedSettings


@contextmanager
def occupy_folder(folder: Path) -> Iterator[int]:
    """Lock the data folder, and yield the descriptor of the lock, which each child must keep open.

    The lock is released when all processes that keep the descriptor have ended (``man 2 flock``). So after an
    instance is killed, its folder is free as soon as its last server has ended.
    Raises ConfigurationError where another instance is running, and where the folder has files that are not
    nerve's.
    """
    if foreign := find_foreign_file(folder):
        raise ConfigurationError(
            f"the folder {folder} has files that nerve did not create, such as {foreign}; set NERVE_DATA_DIR"
            f" to a folder for nerve alone, such as {folder / 'nerve'}"
        )
    make_private_folder(folder)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(lock, folder)
        try:
            yield lock
        finally:
            _run_file(folder).unlink(missing_ok=True)
    finally:
        os.close(lock)


def find_foreign_file(folder: Path) -> str | None:
    """Return the name of a file in a folder that is not the data folder of a nerve, None where there is none.

    nerve takes the rights on its data folder from other users, which must not happen to a folder that is also
    used for something else, such as /tmp.
    """
    lock = folder / "lock"
    try:
        # All versions write their process id into this file, before any other file.
        if lock.is_file() and re.fullmatch(r"\d*", lock.read_text(errors="replace")):
            return None
        return min((path.name for path in folder.iterdir()), default=None)
    except OSError:
        return None  # A folder that is missing, another user's or no folder is refused by other checks.


def write_run_file(folder: Path, instance: RunningInstance) -> None:
    """Publish the URLs of the instance to other commands."""
    write_private(_run_file(folder), instance.model_dump_json(indent=2) + "\n")


def find_instance(folder: Path) -> RunningInstance | None:
    """Return the instance that uses the folder, or None.

    Raises ConfigurationError where the folder is another user's, or the instance another version of nerve.
    """
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise ConfigurationError(
            f"the data folder {folder} belongs to another user; run the command as that user, or set"
            " NERVE_DATA_DIR to another folder"
        ) from None
    try:
        if _try_lock(lock, fcntl.LOCK_SH):
            return None
        return RunningInstance.model_validate_json(_run_file(folder).read_text())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise ConfigurationError(
            f"{_run_file(folder)} is of another version of nerve, which is running there; stop it and start"
            " this version, or set NERVE_DATA_DIR to another folder"
        ) from None
    finally:
        os.close(lock)


def instance_master_key(folder: Path) -> SecretStr:
    """Return the master key of the folder's instance, from a file of mode 0600 that is created if missing."""
    return SecretStr(keep_secret(_key_file(folder), lambda: b64encode(new_key()).decode()))


def development_key(folder: Path) -> str:
    """Return the key that signs tokens for development, from a private file that is created if missing."""
    return keep_secret(folder / "development.key", lambda: token_urlsafe(48))


def with_instance(settings: Settings) -> Settings:
    """Return the settings, completed by the servers, shared settings and master key of the running instance.

    The environment of this process comes first; the instance has read the same `nerve.yaml`. With both URLs
    set, the settings may be those of another deployment, and only the master key is completed. Raises
    ConfigurationError where a URL is not set and no instance is running.
    """
    instance = find_instance(settings.data_dir)
    if instance is not None and settings.master_key is None and _key_file(settings.data_dir).exists():
        settings = settings.model_copy(update={"master_key": instance_master_key(settings.data_dir)})
    if settings.mongo_url and settings.redis_url:
        return settings
    if instance is None:
        urls = {"NERVE_MONGO_URL": settings.mongo_url, "NERVE_REDIS_URL": settings.redis_url}
        missing = " and ".join(variable for variable, url in urls.items() if not url)
        raise ConfigurationError(
            f"no nerve is running with the data folder {settings.data_dir}; start one with `nerve dev`, name"
            f" its folder in NERVE_DATA_DIR, or set {missing}"
        )
    updates: dict[str, Any] = {
        name: value for name, value in instance.settings if not _is_in_environment(name)
    }
    if settings.mongo_url is None:
        updates["mongo_url"] = SecretStr(instance.mongo_url)
    if settings.redis_url is None:
        updates["redis_url"] = SecretStr(instance.redis_url)
    return settings.model_copy(update=updates)


def _is_in_environment(name: str) -> bool:
    return any(variable.upper() == f"{PREFIX}{name.upper()}" for variable in os.environ)


def differing_settings(settings: Settings) -> list[str]:
    """Return the names of the shared settings that differ from those of a running instance."""
    instance = find_instance(settings.data_dir)
    if instance is None or not _uses_servers_of(instance, settings):
        return []
    return [name for name, value in instance.settings if getattr(settings, name) != value]


def _uses_servers_of(instance: RunningInstance, settings: Settings) -> bool:
    return settings.mongo_url is not None and settings.mongo_url.get_secret_value() == instance.mongo_url


def _key_file(folder: Path) -> Path:
    return folder / "master.key"


def _run_file(folder: Path) -> Path:
    return folder / "run.json"


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _acquire(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + CHILD_EXIT_TIMEOUT
    while not _try_lock(lock, fcntl.LOCK_EX):
        owner = os.pread(lock, 20, 0).decode()
        if (owner and _alive(int(owner))) or time.monotonic() > deadline:
            raise ConfigurationError(
                f"the data folder {folder} is in use by the nerve with process id {owner}, or by its servers;"
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
