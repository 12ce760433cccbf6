"""Source code whose errors say something else."""

from __future__ import annotations

import ast


def reworded(source: str) -> str:
    """Return the source with other texts in all errors that it raises."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for part in ast.walk(node.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value += " (reworded)"
    return ast.unparse(tree)
