"""Where segments lie: a folder or an S3-compatible store, behind one interface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from circuitbreaker import CircuitBreaker
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from domain.kernel.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

TIMEOUT = timedelta(seconds=20)
"""For one request to a store, its body included."""

RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}


FAILURES = 5
"""Requests that fail in a row until the store is left alone for a while."""

RECOVERY = 10.0
"""Seconds for which it is; then it is asked again, and left alone again should that fail."""


class BlobStore:
    """Named pieces of bytes that are written once, whole or not at all.

    While the store is left alone, for `recovery` seconds after some failures in a row, everything is refused
    at once: who needs it learns so without waiting, and it is not asked by all when it comes back.
    """

    def __init__(
        self, store: LocalStore | S3Store, folder: Path | None = None, recovery: float = RECOVERY
    ) -> None:
        self._store = store
        self._folder = folder
        self._circuit = CircuitBreaker(FAILURES, recovery, Unavailable)

    async def put(self, name: str, content: bytes) -> None:
        """Store the content, durably; what has the name already is replaced. Raises Unavailable."""
        with self._closed():
            await self._put(name, content)

    async def get(self, name: str) -> bytes | None:
        """The content, None where there is none of that name. Raises Unavailable."""
        with self._closed():
            return await self._get(name)

    @contextmanager
    def _closed(self) -> Iterator[None]:
        """Raises Unavailable while the store is left alone; counts what fails within."""
        if self._circuit.opened:
            pause = max(0.0, self._circuit.open_remaining)
            raise Unavailable(
                f"the archive failed {FAILURES} times in a row; it is asked again in {pause:.0f} s"
            )
        with self._circuit:
            yield

    async def _put(self, name: str, content: bytes) -> None:
        try:
            await obstore.put_async(self._store, name, content, use_multipart=False)
            if self._folder is not None:
                await asyncio.to_thread(_make_durable, self._folder / name, self._folder)
        except (BaseError, OSError) as error:
            raise Unavailable(f"the archive cannot store {name}: {_reason(error)}") from error

    async def _get(self, name: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise Unavailable(f"the archive refuses to give {name}; look at its credentials") from error
        except (BaseError, OSError) as error:
            raise Unavailable(f"the archive cannot be reached to read {name}; try again") from error


def open_blobs(
    url: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
) -> BlobStore:
    """The store at ``file:///folder``, which is made, or ``s3://bucket/prefix``.

    For S3 what is left out is taken from the ``AWS_*`` environment variables. Nothing is asked of an S3 store
    yet. Raises ConfigurationError for another URL, or a folder that cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return _folder(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        options = {
            "endpoint": endpoint,
            "region": region,
            "access_key_id": access_key,
            "secret_access_key": secret_key,
        }
        return _bucket(parts.netloc, unquote(parts.path).strip("/"), options)
    raise ConfigurationError(
        "archive_url is none that nerve knows: expected file:///folder or s3://bucket/prefix"
    )


def _folder(path: Path) -> BlobStore:
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to read and write {path}")
        return BlobStore(LocalStore(path), path)
    except (BaseError, OSError) as error:
        raise ConfigurationError(f"archive_url: the folder cannot be used: {_reason(error)}") from None


def _bucket(bucket: str, prefix: str, options: dict[str, str | None]) -> BlobStore:
    given: Any = {key: value for key, value in options.items() if value is not None}
    plain = str(given.get("endpoint", "")).startswith("http://")
    client: ClientConfig = {"timeout": TIMEOUT, "allow_http": plain}
    try:
        return BlobStore(
            S3Store(bucket, prefix=prefix or None, config=given, client_options=client, retry_config=RETRIES)
        )
    except BaseError as error:
        raise ConfigurationError(f"archive_url: the bucket cannot be used: {_reason(error)}") from None


def _make_durable(file: Path, root: Path) -> None:
    """Make sure that the file, and each folder on the way to it, outlast a loss of power."""
    for path in (file, *file.parents):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path == root:
            return


def _reason(error: Exception) -> str:
    """What went wrong, in one line, without what a server sent along."""
    return str(error).partition("\n")[0].partition("<")[0].rstrip(" :-")
