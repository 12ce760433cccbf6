"""Adds a module to the setting `contexts` in the text of `nerve.yaml`, and leaves the rest as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from api.settings_file import FILE
from domain.kernel.errors import ConfigurationError

NEW_FILE = """\
# Settings of this project: `name: value` on a line. Each one not named here has its default.

# The contexts that nerve serves: modules, also of this folder.
contexts:
"""


def register_module(text: str | None, module: str, served: Sequence[str]) -> str:
    """Return the text of `nerve.yaml` with one module more in `contexts`.

    `text` is None if there is no file. A file without the setting gets it, with the modules that are `served`
    without it. Raises ConfigurationError if the list is written in a way that cannot be added to.
    """
    if text is None:
        return f"{NEW_FILE}  - {module}\n"
    before = yaml.safe_load(text) or {}
    changed = _added(text, module, served)
    expected = {**before, "contexts": [*before.get("contexts", served), module]}
    if yaml.safe_load(changed) != expected:
        raise ConfigurationError(
            f"{FILE}: write `contexts` as a list, each module on a line of its own, as in `- {module}`"
        )
    return changed


def _added(text: str, module: str, served: Sequence[str]) -> str:
    node = _contexts_node(text)
    if node is None:
        items = "".join(f"  - {name}\n" for name in (*served, module))
        return f"{text.rstrip()}\n\ncontexts:\n{items}".lstrip()
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        return f"{text[: node.start_mark.index]}[{module}]{text[node.end_mark.index :]}"
    last = node.value[-1].end_mark
    if node.flow_style:
        return f"{text[: last.index]}, {module}{text[last.index :]}"
    lines = text.splitlines(keepends=True)
    lines[last.line] = f"{lines[last.line].rstrip()}\n{' ' * node.start_mark.column}- {module}\n"
    return "".join(lines)


def _contexts_node(text: str) -> Any:
    root = yaml.compose(text, yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == "contexts"), None)
