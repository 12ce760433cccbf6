"""Full-text search: what a client looks for, as MongoDB's text index takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from domain.kernel.errors import ValidationFailed
from domain.kernel.names import client_name
from domain.kernel.types.annotations import Kind
from projections.kernel.view import View
from projections.querying.values import Path, stored_value

MAX_SEARCH = 500
"""Characters of a search."""

MAX_WORDS = 20
"""Words and phrases of a search; MongoDB reads the rows of each."""

_PUNCTUATION = re.compile(r"^\W+|\W+$|\\")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def parse_search(view: View[Any], text: str | None, path: Path = ("search",)) -> Mapping[str, Any]:
    """The MongoDB filter for the rows that hold what is looked for; of everything where `text` is None.

    A row matches that has every word in one or another of the fields the view searches, at least one of them
    as a whole word, each ``"phrase in quotes"``, and none of what follows a ``-``. Case and accents do not
    count; words are not brought to their stem. Raises ValidationFailed at `path` where the view has no
    search, or the text no word to look for, or too much.
    """
    if text is None:
        return {}
    if not view.search:
        raise ValidationFailed(f"{client_name(view.name)} cannot be searched", path)
    if len(stored_value(Kind.TEXT, text, path)) > MAX_SEARCH or "\0" in text:
        raise ValidationFailed(f"a search has at most {MAX_SEARCH} characters, and no NUL", path)
    terms = list(_terms(text))
    if not any(wanted for wanted, _ in terms):
        raise ValidationFailed("a search names at least one word that rows are to have", path)
    if len(terms) > MAX_WORDS:
        raise ValidationFailed(f"a search has at most {MAX_WORDS} words and phrases", path)
    # MongoDB takes one of several words for enough, but wants every phrase.
    said = " ".join(f'"{term}"' if wanted else _without(term) for wanted, term in terms)
    return {"$text": {"$search": said}}


def _without(term: str) -> str:
    """A word that rows are not to have; in quotes, it would not even be part of a longer one."""
    return f"-{term}" if term.isalnum() else f'-"{term}"'


def _terms(text: str) -> Iterator[tuple[bool, str]]:
    """Words and phrases, and whether they are to be there."""
    for minus, phrase, word in _TERM.findall(text):
        term = _PUNCTUATION.sub("", word) if word else phrase.replace("\\", " ")
        if any(character.isalnum() for character in term):
            yield not minus, term
