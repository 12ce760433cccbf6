"""Guesses the character encoding of a text file from its first bytes. Pure."""

from __future__ import annotations

import codecs
from contextlib import suppress

SAMPLE_BYTES = 1 << 18
"""The bytes of a file from which its encoding is guessed."""

UTF_8 = "utf-8-sig"
"""UTF-8 with or without a byte order mark."""

_MARKS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_COMMON_SHARE = 0.8
"""The share of the characters that must be frequent in a script before its encoding is guessed."""


def guess_encoding(sample: bytes) -> str:
    """Return the encoding that the beginning of a file is written in; UTF-8 if nothing else is likely.

    It knows UTF-8, UTF-16, GBK and Shift-JIS. Encodings of one byte for each character cannot be told apart.
    """
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample[:2]:
        return "utf-16-be" if sample[:1] == b"\0" else "utf-16-le"
    if _is_mostly_utf_8(sample):
        return UTF_8
    japanese = _decode(sample, "shift_jis")
    if japanese is not None and any("\u3041" <= letter <= "\u30ff" for letter in japanese):
        return "shift_jis"
    chinese = _decode(sample, "gb18030")
    if chinese is not None and _share_in(chinese, "gb2312") >= _COMMON_SHARE:
        return "gb18030"
    if japanese is not None and _share_in(japanese, "shift_jis_2004", halfwidth=False) >= _COMMON_SHARE:
        return "shift_jis"
    return UTF_8


def check_encoding(name: str) -> str:
    """Return the name of a character encoding that exists. Raises ValueError if there is none."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(
            f"{name!a} is no known character encoding; use one such as utf-8, gb18030 or cp1252"
        ) from None
    return UTF_8 if codecs.lookup(name).name == "utf-8" else name


def _is_mostly_utf_8(sample: bytes) -> bool:
    """Return whether most characters beyond ASCII are UTF-8, so that other bytes are errors in a few rows."""
    text = sample.decode("utf-8", "replace")
    invalid = text.count("\ufffd")
    return not invalid or sum(letter > "\x7f" for letter in text) > 2 * invalid


def _decode(sample: bytes, encoding: str) -> str | None:
    """Return the text; None if it is not in this encoding. The last character may be cut off."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with suppress(UnicodeDecodeError):
        return decoder.decode(sample, final=len(sample) < SAMPLE_BYTES)
    return None


def _share_in(text: str, encoding: str, *, halfwidth: bool = True) -> float:
    """Return the share of the characters beyond ASCII that the encoding has."""
    letters = [letter for letter in text if letter > "\x7f"]
    if not letters:
        return 0.0
    return sum(_has(encoding, letter, halfwidth=halfwidth) for letter in letters) / len(letters)


def _has(encoding: str, letter: str, *, halfwidth: bool) -> bool:
    if not halfwidth and "\uff61" <= letter <= "\uff9f":
        return False
    with suppress(UnicodeEncodeError):
        return bool(letter.encode(encoding))
    return False
