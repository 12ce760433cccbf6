"""Opens the archive that the settings name, and the archiver with its own MongoDB user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from api.ids import now
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from eventstore.archiving.archiver import Archiver
from eventstore.archiving.blobs import BlobStore, open_blobs
from eventstore.mongo.driver import open_client


def open_archive(settings: Settings) -> BlobStore | None:
    """Return the store of archived commits, None if the settings name none. Raises ConfigurationError."""
    if settings.archive_url is None:
        if settings.archive_after is not None:
            raise ConfigurationError(
                "archive_after needs archive_url, the store to which commits are archived"
            )
        return None
    return open_blobs(
        settings.archive_url,
        endpoint=settings.archive_endpoint,
        region=settings.archive_region,
        access_key=_plain(settings.archive_access_key),
        secret_key=_plain(settings.archive_secret_key),
    )


@asynccontextmanager
async def open_archiver(settings: Settings) -> AsyncIterator[Archiver]:
    """Open an archiver of the log as the user of `maintenance_url`. Raises ConfigurationError."""
    store, url = open_archive(settings), settings.maintenance_url or settings.mongo_url
    if store is None:
        raise ConfigurationError(
            "archive_url is not set; it names the store of archived commits: file:///folder or s3://bucket/prefix"
        )
    assert url is not None
    async with open_client(url.get_secret_value(), settings.mongo_driver) as client:
        yield Archiver(client[settings.database], store, now)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
