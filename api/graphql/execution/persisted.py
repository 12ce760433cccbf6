"""Documents that a client names instead of sending them, and the list of those that are run.

- Automatic persisted queries, where a text is sent once, with the hash that names it from then on:
  https://www.apollographql.com/docs/apollo-server/performance/apq
- Persisted documents, which `documentId` names:
  https://github.com/graphql/graphql-over-http/pull/264
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from domain.kernel.errors import (
    ConfigurationError,
    NotTrusted,
    PersistedQueryNotFound,
    ValidationFailed,
)
from eventstore.lru import LruCache

KEPT_CHARACTERS = 20_000_000
"""Of all documents together that were sent with a hash. Each process keeps its own: where one is missing, the
client sends it again.
"""

_PREFIX = "sha256:"


class PersistedDocuments:
    """Texts by name: those of a list, and what was sent. With `only_trusted` none but the list's are run."""

    def __init__(self, trusted: Mapping[str, str] | None = None, only_trusted: bool = False) -> None:
        listed = trusted or {}
        self._trusted = {_hash(text): text for text in listed.values()}
        self._texts = frozenset(listed.values())
        self._trusted.update((_bare(name), text) for name, text in listed.items())
        self._only_trusted = only_trusted
        self._sent: LruCache[str, str] = LruCache(KEPT_CHARACTERS, len)

    def find(self, text: str | None, name: str | None) -> str:
        """The text that is to be run, of an operation that sends it, names it, or both.

        Raises PersistedQueryNotFound, ValidationFailed where the name is not that of the text, NotTrusted.
        """
        name = None if name is None else _bare(name)
        if text is None:
            text = self._trusted.get(name or "") or self._sent.get(name or "")
            if text is None:
                raise PersistedQueryNotFound
        elif name is not None and self._trusted.get(name) != text and name != _hash(text):
            raise ValidationFailed("the query is not the one that its hash names", ("query",))
        if self._only_trusted and text not in self._texts:
            raise NotTrusted("only the documents of a list are run here, and this is none of them")
        return text

    def keep(self, text: str, name: str | None) -> None:
        """The text, which was found under this name, is valid: it needs to be sent no more."""
        if name is not None and _bare(name) not in self._trusted:
            self._sent.put(_bare(name), text)


def read_documents(path: Path) -> dict[str, str]:
    """Texts by name: a JSON file that maps the ones to the others, or a manifest of Apollo's.

    Raises ConfigurationError where it is neither.
    """
    try:
        said = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(f"trusted_documents: {path} cannot be read: {error}") from None
    found = _of_manifest(said) if isinstance(said, dict) and "operations" in said else said
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ConfigurationError(f"trusted_documents: {path} does not map names to the texts of documents")
    return found


def _of_manifest(manifest: dict[str, Any]) -> Any:
    try:
        return {operation["id"]: operation["body"] for operation in manifest["operations"]}
    except (TypeError, KeyError):
        return None


def _bare(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
