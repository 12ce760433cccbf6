"""Storage of segments: a folder or an S3-compatible store, behind one interface."""

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
"""The limit of one request to a store, with its body."""

RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}


MAX_FAILURES = 5
"""Failures in a row after which the circuit opens: requests fail without reaching the store."""

RECOVERY = 10.0
"""Seconds until one request is tried again; if it fails, the circuit stays open."""


class BlobStore:
    """Stores named blobs, which are written once, whole or not at all.

    After some failures in a row the circuit opens for `recovery` seconds: all requests fail at once, so
    callers do not wait, and the store is not flooded when it comes back.
    """

    def __init__(
        self, store: LocalStore | S3Store, folder: Path | None = None, recovery: float = RECOVERY
    ) -> None:
        self._store = store
        self._folder = folder
        self._circuit = CircuitBreaker(MAX_FAILURES, recovery, Unavailable)

    async def put(self, name: str, content: bytes) -> None:
        """Store the content durably, and replace a blob of the same name. Raises Unavailable."""
        with self._closed_circuit():
            await self._put(name, content)

    async def get(self, name: str) -> bytes | None:
        """Return the content, or None where there is no blob of that name. Raises Unavailable."""
        with self._closed_circuit():
            return await self._get(name)

    @contextmanager
    def _closed_circuit(self) -> Iterator[None]:
        """Raise Unavailable while the circuit is open; count failures within the block."""
        if self._circuit.opened:
            pause = max(0.0, self._circuit.open_remaining)
            raise Unavailable(
                f"the archive failed {MAX_FAILURES} times in a row; it is tried again in {pause:.0f} s"
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
            response = await obstore.get_async(self._store, name)
            return bytes(await response.bytes_async())
        except FileNotFoundError:
            return None
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise Unavailable(f"the archive refuses access to {name}; check its credentials") from error
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
    """Open the store at ``file:///folder``, which is created, or ``s3://bucket/prefix``.

    For S3 the ``AWS_*`` environment variables are the defaults, and no request is sent yet. Raises
    ConfigurationError for another URL, and for a folder that cannot be used.
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
    raise ConfigurationError("archive_url is not supported: expected file:///folder or s3://bucket/prefix")


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
    """Flush the file, and each folder on its path, to the disk."""
    for path in (file, *file.parents):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path == root:
            return


def _reason(error: Exception) -> str:
    """Return the message of an error in one line, without the server's response body."""
    return str(error).partition("\n")[0].partition("<")[0].rstrip(" :-")
