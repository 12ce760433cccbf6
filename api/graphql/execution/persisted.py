"""Persisted documents, which clients name instead of sending them, and the list of trusted ones.

- Automatic persisted queries: a client sends a text once with its hash, and then the hash alone.
  https://www.apollographql.com/docs/apollo-server/performance/apq
- Persisted documents, named by `documentId`:
  https://github.com/graphql/graphql-over-http/pull/264
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from sys import getsizeof
from typing import Any

import orjson

from domain.kernel.errors import (
    ConfigurationError,
    NotTrusted,
    PersistedQueryNotFound,
    ValidationFailed,
)
from eventstore.lru import LruCache

KEPT_BYTES = 20_000_000
"""Of all documents together that clients sent with a hash. Each process keeps its own; a client sends a
document again to a process that lacks it.
"""

ENTRY_BYTES = 300
"""Of the hash of a document, and its place in the cache."""

_PREFIX = "sha256:"


class PersistedDocuments:
    """Documents by name, trusted and sent ones. `only_trusted` refuses the sent ones.

    A tenant finds only what it sent itself. Otherwise it could test which documents others use.
    """

    def __init__(self, trusted: Mapping[str, str] | None = None, only_trusted: bool = False) -> None:
        listed = trusted or {}
        self._trusted = {_hash(text): text for text in listed.values()}
        self._texts = frozenset(listed.values())
        self._trusted.update((_bare(name), text) for name, text in listed.items())
        self.only_trusted = only_trusted
        self._sent: LruCache[tuple[str, str], str] = LruCache(KEPT_BYTES, _weigh)

    def find(self, text: str | None, name: str | None, tenant: str) -> str:
        """Return the text of an operation that sends it, names it, or both.

        Raises PersistedQueryNotFound, NotTrusted, and ValidationFailed where the name is not that of the
        text.
        """
        if text is None:
            text = self.look_up(None, name, tenant)
            if text is None:
                raise PersistedQueryNotFound
        elif name is not None and self._trusted.get(_bare(name)) != text and _bare(name) != _hash(text):
            raise ValidationFailed("the query does not have the hash that was sent with it", ("query",))
        if self.only_trusted and text not in self._texts:
            raise NotTrusted("this server runs trusted documents only, and this document is not one of them")
        return text

    def look_up(self, text: str | None, name: str | None, tenant: str) -> str | None:
        """Return the text that is sent or named, without a check; None for a name that is not known."""
        if text is not None:
            return text
        name = _bare(name or "")
        return self._trusted.get(name) or self._sent.get((tenant, name))

    def keep(self, text: str, name: str | None, tenant: str) -> None:
        """Keep a valid text that was sent with this name, so that clients can send the name alone."""
        if name is not None and _bare(name) not in self._trusted:
            self._sent.put((tenant, _bare(name)), text)


def read_documents(path: Path) -> dict[str, str]:
    """Return the documents of a file by name: a JSON object, or a manifest of Apollo's.

    Raises ConfigurationError where the file is neither.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"trusted_documents: {path} cannot be read: {reason}") from None
    is_manifest = isinstance(content, dict) and "operations" in content
    documents = _read_manifest(content) if is_manifest else content
    if not isinstance(documents, dict) or not all(isinstance(text, str) for text in documents.values()):
        raise ConfigurationError(f"trusted_documents: {path} does not map names to the texts of documents")
    return documents


def _read_manifest(manifest: dict[str, Any]) -> Any:
    try:
        return {operation["id"]: operation["body"] for operation in manifest["operations"]}
    except (TypeError, KeyError):
        return None


def _weigh(text: str) -> int:
    return getsizeof(text) + ENTRY_BYTES


def _bare(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
