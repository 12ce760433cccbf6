"""The examples in README and docs/, for tests that run them."""

from __future__ import annotations

import re
from pathlib import Path

from graphql import parse, print_ast
from graphql.utilities import separate_operations

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def code_blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with a language."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)
    return blocks


def graphql_block(name: str) -> str:
    """Return the one GraphQL block of all pages that has an operation of this name."""
    blocks = [
        block
        for page in PAGES
        for block in code_blocks(page, "graphql")
        if re.search(rf"(query|mutation|subscription) {name}\b", block)
    ]
    assert len(blocks) == 1, f"{len(blocks)} blocks have the operation {name}"
    return blocks[0]


def operation(name: str) -> str:
    """Return the text of one operation of the pages, without the others of its block."""
    return print_ast(separate_operations(parse(graphql_block(name)))[name])
