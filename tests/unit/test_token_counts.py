"""Tokens are counted without the parser, and never too many of them."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, Lexer, Source, TokenKind, get_introspection_query
from hypothesis import given
from hypothesis import strategies as st

from api.limits.token_counts import count_text_tokens, has_more_tokens

PIECES = (
    *(
        "a",
        "_b9",
        "é",
        "12",
        "-3",
        "1.5e-3",
        "...",
        "..",
        "!",
        "$",
        "&",
        "(",
        ")",
        ":",
        "=",
        "@",
        "[",
        "]",
        "{",
    ),
    *(
        "|",
        "}",
        '"',
        '""',
        '"""',
        '"text"',
        '"a\\"b"',
        '"""block " \\""" \\ """',
        "\\",
        "#",
        "# comment {",
        "\n",
    ),
    *("\r", " ", ",", "\ufeff", "\t", "?", "-", ".", "'"),
)


def _lexed(text: str) -> int | None:
    """Return the tokens that graphql-core's lexer finds, None if the text is not valid."""
    lexer, tokens = Lexer(Source(text)), 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            tokens += 1
    except GraphQLError:
        return None
    return tokens


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_valid_text_has_fewer_tokens(text: str) -> None:
    """A document is never refused for tokens that it does not have."""
    tokens = _lexed(text)
    if tokens is not None:
        assert count_text_tokens(text) <= tokens
        assert not has_more_tokens(text, tokens)


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(input_value_deprecation=True),
        '{ a0: task(id: "x # {") { id title } # { { {\n ...f }',
        'query ($a: [Int!]! = [1, -2.5e3]) @b(c: """block " { \\""" """) { d(e: $a, f: {g: null}) }',
    ],
    ids=["introspection", "comments", "values"],
)
def test_all_tokens_of_a_document_are_counted(text: str) -> None:
    tokens = _lexed(text)
    assert tokens is not None
    assert count_text_tokens(text) == tokens
    assert has_more_tokens(text, tokens - 1)


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_any_long_text_is_counted_in_linear_time(piece: str) -> None:
    """No piece makes the expressions try the same place again and again."""
    for end in ("", '"', "\\", '"""'):
        count_text_tokens(piece * 40_000 + end)
        count_text_tokens('"' + piece * 40_000 + end)
