"""Messages of graphql-core for clients, without words of Python."""

from __future__ import annotations

import re

_SENT_VALUE = re.compile(r"(?:[,;.]? [Ff]ound|(?P<kept>cannot represent [^:]*)): .*", re.DOTALL)
"""The end of a message that shows the client's value as Python writes it."""


def client_message(message: str) -> str:
    """Return a message of graphql-core without Python's words; the client has the value it sent."""
    shown = message.replace("not to be None", "not to be null")
    shortened = _SENT_VALUE.sub(lambda match: match["kept"] or "", shown)
    return shortened if shortened.endswith((".", "?")) else f"{shortened}."
