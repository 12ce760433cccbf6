"""How large a document may be, and how much work its validation may take.

Parsing and validating a document blocks all other clients of the process. Parsing is linear in the tokens.
Some rules of validation are not: they compare all fields that have one name in the response with each other,
and all fragments of a selection. So the work of validation is counted before it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    Token,
    TokenKind,
)
from graphql.language.parser import Parser

from api.limits.operation_limits import OperationLimits
from api.limits.time_slices import give_way
from api.limits.token_counts import has_more_tokens
from domain.kernel.limit_errors import TooComplex

CHARACTERS_PER_TOKEN = 20
"""Characters of a document for each token that it may have, spaces and comments included."""

LONGEST_NAME = 200
"""Characters of a name. A row repeats the names of its fields, so long ones would make a large response."""

DEEPEST_NESTING = 100
"""Brackets of any kind inside each other. Code that reads nested values calls itself."""

MAX_COMPARISONS = 20_000
"""Selections that validation visits, and pairs of them that it compares; one takes about 2 µs."""

_TOO_MANY_TOKENS = "Syntax Error: Document contains more"
"""The beginning of graphql-core's message; its error has no class of its own."""

_OPENING = frozenset({TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L})
_CLOSING = frozenset({TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R})


def parse_within(text: str, limits: OperationLimits) -> DocumentNode:
    """Return the document, which validation can check in bounded time.

    Raises TooComplex, and GraphQLError where the text is no document.
    """
    max_characters = limits.tokens * CHARACTERS_PER_TOKEN
    if len(text) > max_characters:
        raise TooComplex(
            f"the document has {len(text)} characters and may have {max_characters}; "
            "split it, and send values as variables"
        )
    too_many = TooComplex(
        f"the document has more than {limits.tokens} tokens; split it, and send values as variables"
    )
    if has_more_tokens(text, limits.tokens):
        raise too_many
    try:
        document = _parse(text, limits.tokens)
    except GraphQLError as error:
        if not error.message.startswith(_TOO_MANY_TOKENS):
            raise
        raise too_many from None
    _check_tokens(document)
    _SelectionWalk(document, limits.depth).check()
    return document


def count_tokens(document: DocumentNode) -> int:
    """Return the number of tokens of a document."""
    return sum(1 for _ in _tokens(document.loc.start_token if document.loc else None))


def _unlink_tokens(first: Token) -> None:
    """Break the cycles between tokens: the memory of a document, also of one that is refused, is free when it
    is dropped, without a run of the collector.

    Tokens are a list that is linked both ways.
    """
    for token in _tokens(first):
        token.prev = None


def _tokens(first: Token | None) -> Iterator[Token]:
    token = first
    while token is not None:
        yield token
        token = token.next


def _check_tokens(document: DocumentNode) -> None:
    """Raise TooComplex for names that are too long, and for brackets too deep inside each other."""
    nesting = 0
    for token in _tokens(document.loc.start_token if document.loc else None):
        kind = token.kind
        if kind is TokenKind.NAME:
            if token.end - token.start > LONGEST_NAME:
                raise TooComplex(
                    f"a name of the document has {token.end - token.start} characters and may have "
                    f"{LONGEST_NAME}; choose a shorter alias"
                )
        elif kind in _OPENING:
            nesting += 1
            if nesting > DEEPEST_NESTING:
                raise TooComplex(
                    f"the document nests more than {DEEPEST_NESTING} brackets; send deep values as variables"
                )
        elif kind in _CLOSING:
            nesting -= 1


def _parse(text: str, max_tokens: int) -> DocumentNode:
    """Do what `graphql.parse` does, and give way between two tokens."""
    lexer = _SlicedLexer(Source(text))
    first = lexer.token
    try:
        return Parser(text, max_tokens=max_tokens, lexer=lexer).parse_document()
    except RecursionError:
        pass
    finally:
        _unlink_tokens(first)
    raise GraphQLSyntaxError(lexer.source, lexer.token.start, "the document is nested too deeply")


class _SlicedLexer(Lexer):
    """Gives way between two tokens."""

    def advance(self) -> Token:
        give_way()
        return super().advance()


class _SelectionWalk:
    """Visits the selections of each definition as validation does, with the fields of one name merged."""

    def __init__(self, document: DocumentNode, max_depth: int) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._roots = [
            node.selection_set
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
        ]
        self._max_depth = max_depth
        self._comparisons = 0

    def check(self) -> None:
        """Raise TooComplex where validation would take too long, or fields are too deep."""
        for root in self._roots:
            self._visit([root], 1)

    def _visit(self, selection_sets: Sequence[SelectionSetNode], depth: int) -> None:
        if depth > self._max_depth:
            raise TooComplex(
                f"the document has fields more than {self._max_depth} deep inside each other; "
                "split it into several"
            )
        for fields in self._collect(selection_sets).values():
            self._count_pairs(len(fields))
            if inner := [field.selection_set for field in fields if field.selection_set]:
                self._visit(inner, depth + 1)

    def _collect(self, selection_sets: Sequence[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Return the fields of the selections and of their fragments by the names in the response."""
        fields: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        waiting = list(selection_sets)
        while waiting:
            give_way()
            selections = waiting.pop().selections
            self._count(len(selections))
            for node in selections:
                if isinstance(node, FieldNode):
                    fields.setdefault((node.alias or node.name).value, []).append(node)
                elif not isinstance(node, FragmentSpreadNode):
                    waiting.append(node.selection_set)  # type: ignore[attr-defined]
                elif node.name.value not in spread:
                    spread.add(node.name.value)
                    if fragment := self._fragments.get(node.name.value):
                        waiting.append(fragment.selection_set)
        self._count_pairs(len(spread))
        return fields

    def _count_pairs(self, members: int) -> None:
        self._count(members * (members - 1) // 2)

    def _count(self, comparisons: int) -> None:
        self._comparisons += comparisons
        if self._comparisons > MAX_COMPARISONS:
            raise TooComplex(
                "the document repeats too many fields and fragments; "
                "select each field once, and spread fewer fragments in each other"
            )
