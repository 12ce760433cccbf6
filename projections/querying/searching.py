"""Full-text search: the conversion of a client's search to MongoDB's syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo.errors import OperationFailure

from domain.kernel.errors import Unavailable, ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import Kind
from eventstore.mongo.driver import INDEX_NOT_FOUND, unavailable_if_down
from projections.kernel.view import View
from projections.querying.values import Path, stored_value

MAX_SEARCH = 500
"""Characters that a search may have."""

MAX_WORDS = 20
"""Words and phrases that a search may have; MongoDB reads the rows of each of them."""

_PUNCTUATION = re.compile(r"^\W+|\W+$|\\")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def parse_search(view: View[Any], text: str | None, path: Path = ("search",)) -> Mapping[str, Any]:
    """Return the MongoDB filter for the rows that match a search; an empty filter if `text` is None.

    A row matches if the fields that the view searches contain every word, at least one of them as a whole
    word, every ``"phrase in quotes"``, and no term that follows a ``-``. Case and accents are ignored; words
    are not stemmed. Raises ValidationFailed at `path` if the view has no search, or the text has no word, or
    too many.
    """
    if text is None:
        return {}
    if not view.search:
        raise ValidationFailed(f"{client_name(view.name)} cannot be searched", path)
    if len(stored_value(Kind.TEXT, text, path)) > MAX_SEARCH or "\0" in text:
        raise ValidationFailed(f"a search has at most {MAX_SEARCH} characters, and no NUL", path)
    terms = list(_terms(text))
    if not any(is_required for is_required, _ in terms):
        raise ValidationFailed("a search must have at least one word that rows contain", path)
    if len(terms) > MAX_WORDS:
        raise ValidationFailed(f"a search has at most {MAX_WORDS} words and phrases", path)
    # MongoDB matches any one of several words, but every phrase.
    search = " ".join(f'"{term}"' if is_required else _excluded(term) for is_required, term in terms)
    return {"$text": {"$search": search}}


@contextmanager
def search_errors(view: View[Any]) -> Iterator[None]:
    """Raise Unavailable if MongoDB does not answer, or lacks the index that a search of the view needs."""
    try:
        with unavailable_if_down():
            yield
    except OperationFailure as error:
        if error.code != INDEX_NOT_FOUND:
            raise
        raise Unavailable(f"{view.name} cannot be searched until a worker has created its index") from None


def _excluded(term: str) -> str:
    """Return the term that rows must not contain; in quotes, a word would also exclude longer words."""
    return f"-{term}" if term.isalnum() else f'-"{term}"'


def _terms(text: str) -> Iterator[tuple[bool, str]]:
    """Yield words and phrases, and whether rows must contain them."""
    for minus, phrase, word in _TERM.findall(text):
        term = _PUNCTUATION.sub("", word) if word else phrase.replace("\\", " ")
        if any(character.isalnum() for character in term):
            yield not minus, term
