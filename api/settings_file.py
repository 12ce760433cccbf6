"""Reading `nerve.yaml` with the line of each mistake, and naming wrong settings in plain words."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from domain.kernel.errors import ConfigurationError

FILE = Path("nerve.yaml")
PREFIX = "NERVE_"

SIMILAR = 0.8
"""How much an unknown variable of the environment must be like a setting to be taken for a mistyped one."""

_FORMS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
    "time_delta": "a duration, such as P90D",
}
_LIMITS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def read_settings_file(known: Collection[str]) -> dict[str, Any]:
    """The values of `nerve.yaml`, empty where there is no such file.

    Raises ConfigurationError with the line where it is not YAML, does not map settings to values, or names a
    setting twice or one that does not exist.
    """
    try:
        text = FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE} is not a text file in UTF-8") from None
    try:
        return _read(text, known)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_misread(text, error)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{FILE} is not YAML: {str(error).splitlines()[0]}") from None


def _read(text: str, known: Collection[str]) -> dict[str, Any]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(
                f"{_at(node.start_mark)}: the file must hold settings, each as `name: value` on a line"
            )
        if wrong := list(_wrong_names(node, known)):
            raise ConfigurationError("; ".join(wrong))
        values: dict[str, Any] = loader.construct_document(node)
        return values
    finally:
        loader.dispose()


def _wrong_names(node: yaml.MappingNode, known: Collection[str]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield f"{_at(key.start_mark)}: a setting's name must be a text"
            continue
        name = key.value
        if name in seen:
            yield f"{_at(key.start_mark)}: {name} is set twice, first in line {seen[name]}; remove one"
        elif name not in known:
            yield f"{_at(key.start_mark)}: there is no setting {name!r}{_suggestion(name, known)}"
        seen.setdefault(name, key.start_mark.line + 1)


def _suggestion(name: str, known: Collection[str], prefix: str = "") -> str:
    close = get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""


def _at(mark: Any) -> str:
    return f"{FILE}, line {mark.line + 1}"


def _misread(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{FILE} is not YAML: {error.problem}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{_at(mark)}: a tab cannot indent a line; use spaces"
    return f"{_at(mark)}: this is not YAML ({error.problem}); check the indentation and the colons"


def check_environment(known: Collection[str]) -> None:
    """Raise ConfigurationError where a variable ``NERVE_*`` is nearly the name of a setting, but none.

    Others are left alone: clusters set variables of their own, such as NERVE_SERVICE_HOST.
    """
    wrong = []
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX).lower()
        if not variable.upper().startswith(PREFIX) or name in known:
            continue
        if close := get_close_matches(name, known, n=1, cutoff=SIMILAR):
            wrong.append(
                f"there is no environment variable {variable}; did you mean {PREFIX}{close[0].upper()}?"
            )
    if wrong:
        raise ConfigurationError("; ".join(wrong))


def wrong_settings(error: ValidationError) -> str:
    """One clause for each setting that is wrong, with where it is set. It holds no secret."""
    variables = {variable.upper(): variable for variable in os.environ}
    return "; ".join(_clause(each, variables) for each in error.errors(include_url=False))


def _clause(wrong: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    kind, place = wrong["type"], wrong["loc"]
    said = _requirement(wrong)
    if not place:
        return said
    name = str(place[0])
    variable = variables.get(PREFIX + name.upper())
    where = variable or f"{FILE}: {name}"
    if len(place) > 1 and isinstance(place[1], int):
        where = f"{where}, item {place[1] + 1},"
    if wrong["input"] is None:
        return f"{where} has no value; give it one, or remove the line"
    return f"{where}: {said}" if kind == "value_error" else f"{where} {said}"


def _requirement(wrong: Mapping[str, Any]) -> str:
    kind, context = wrong["type"], wrong.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if limit := _LIMITS.get(kind):
        return f"must be {_BOUNDS[limit]} {context[limit]}"
    forms = [form for start, form in _FORMS.items() if kind.startswith(start)]
    return f"must be {forms[0]}" if forms else "has a value that it cannot have"
