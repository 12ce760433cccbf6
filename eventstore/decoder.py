"""Decoding stored documents, for every read of the log."""

from __future__ import annotations

from collections.abc import Sequence

from domain.kernel import Catalog, Commit
from eventstore.archiving.archive import Archive
from eventstore.commit_documents import to_commit
from eventstore.mongo.driver import Document
from eventstore.personal.vault import Vault


class CommitDecoder:
    """Decodes stored documents: reads archived ones from the archive, and opens personal data."""

    def __init__(self, catalog: Catalog, archive: Archive, vault: Vault) -> None:
        self._catalog = catalog
        self._archive = archive
        self._vault = vault

    async def commits(self, documents: Sequence[Document]) -> list[Commit]:
        """Return the commits of one page, in its order.

        Raises Unavailable where a segment or a key cannot be read.
        """
        whole = await self._archive.whole(documents)
        opened = await self._vault.open(whole)
        return [to_commit(document, self._catalog) for document in opened]
