"""The GraphQL documents of the console, as the page sends them: each operation with the fragments it uses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graphql import DocumentNode, FragmentDefinitionNode, FragmentSpreadNode, Visitor, parse, visit

FOLDER = Path(__file__).parents[2] / "api/console/web/src/console/api"


class _Spreads(Visitor):
    """Collects the names of the fragments that a part of a document uses."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: object) -> None:
        self.names.append(spread.name.value)


@cache
def console_documents() -> dict[str, DocumentNode]:
    """Return the documents of all operations by the names of their files; a test must not change them."""
    fragments = {
        definition.name.value: definition
        for path in (FOLDER / "fragments").glob("*.graphql")
        for definition in parse(path.read_text()).definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    return {
        path.stem: _with_fragments(parse(path.read_text()), fragments)
        for path in sorted((FOLDER / "operations").glob("*.graphql"))
    }


def _with_fragments(operation: DocumentNode, fragments: dict[str, FragmentDefinitionNode]) -> DocumentNode:
    spreads = _Spreads()
    visit(operation, spreads)
    used: dict[str, FragmentDefinitionNode] = {}
    while spreads.names:
        name = spreads.names.pop()
        if name not in used:
            used[name] = fragments[name]
            visit(used[name], spreads)
    return DocumentNode(definitions=(*operation.definitions, *used.values()))
