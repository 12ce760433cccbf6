"""Reads `nerve.yaml`, and describes wrong settings with the place where they are set."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from domain.kernel.errors import ConfigurationError

FILE = Path("nerve.yaml")
MAX_FILE_BYTES = 1_000_000
PREFIX = "NERVE_"
NESTED = "__"
"""Leads from a variable to a value within its setting, as in NERVE_PORTS__PAYMENTS__SECRET."""

SIMILAR = 0.8
"""Similarity to a setting from which an unknown environment variable counts as a mistyped setting."""

_FORMS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "time_delta": "a duration, such as P90D",
}
_PARTS = {
    "missing": "is missing",
    "extra_forbidden": "is no setting here; remove it or correct its name",
    "union_tag_not_found": "needs the line `adapter: http` or `adapter: simulator`",
    "union_tag_invalid": "needs the line `adapter: http` or `adapter: simulator`",
    "string_pattern_mismatch": "must be in lower case, with letters, digits, _ and -",
}
_LIMITS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def read_settings_file(names: Collection[str]) -> dict[str, Any]:
    """Return the values in `nerve.yaml`, or an empty mapping if there is no such file.

    `names` are the existing settings. Raises ConfigurationError with the line where the file is not YAML,
    is not a mapping, or contains a setting twice or one that does not exist.
    """
    try:
        with FILE.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigurationError(
                f"{FILE} is larger than {MAX_FILE_BYTES:,} bytes, and no file of settings"
            )
        text = content.decode()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE} is not a text file in UTF-8") from None
    try:
        return _read(text, names)
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_describe_yaml_error(text, error)) from None
    except RecursionError:
        raise ConfigurationError(f"{FILE}: values are nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{FILE} is not YAML: {str(error).splitlines()[0]}") from None


def _read(text: str, names: Collection[str]) -> dict[str, Any]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise ConfigurationError(
                f"{_place(node.start_mark)}: the file must contain settings, one `name: value` per line"
            )
        if mistakes := list(_wrong_names(node, names)):
            raise ConfigurationError("; ".join(mistakes))
        values: dict[str, Any] = loader.construct_document(node)
        return values
    finally:
        loader.dispose()


def _wrong_names(node: yaml.MappingNode, names: Collection[str]) -> Iterator[str]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield f"{_place(key.start_mark)}: the name of a setting must be a text"
            continue
        name = key.value
        if name in lines:
            yield f"{_place(key.start_mark)}: {name} is set twice, first in line {lines[name]}; remove one"
        elif name not in names:
            yield f"{_place(key.start_mark)}: there is no setting {name!r}{_suggestion(name, names)}"
        lines.setdefault(name, key.start_mark.line + 1)


def _suggestion(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name.lower(), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _place(mark: Any) -> str:
    return f"{FILE}, line {mark.line + 1}"


def _describe_yaml_error(text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{FILE} is not YAML: {error.problem}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{_place(mark)}: a tab cannot indent a line; use spaces"
    return f"{_place(mark)}: this is not YAML ({error.problem}); check the indentation and the colons"


def check_environment(names: Collection[str]) -> None:
    """Raise ConfigurationError where a variable ``NERVE_*`` is similar to the name of a setting.

    Similar is also a name with the same letters in another order, such as NERVE_PROT.

    Other unknown variables are ignored, because clusters set variables such as NERVE_SERVICE_HOST.
    """
    mistakes = []
    for variable in sorted(os.environ):
        # A secret may come from a file, see `api.secret_settings`.
        name = variable.upper().removeprefix(PREFIX).removesuffix("_FILE").lower().partition(NESTED)[0]
        if not variable.upper().startswith(PREFIX) or name in names:
            continue
        close = get_close_matches(name, names, n=1, cutoff=SIMILAR)
        if close := close or [each for each in names if sorted(each) == sorted(name)]:
            mistakes.append(
                f"there is no environment variable {variable}; did you mean {PREFIX}{close[0].upper()}?"
            )
    if mistakes:
        raise ConfigurationError("; ".join(mistakes))


def describe_mistakes(error: ValidationError, settings: type[BaseModel]) -> str:
    """Return a clause for each wrong setting, with the place where it is set. It contains no value."""
    variables = {variable.upper(): variable for variable in os.environ}
    mistakes = error.errors(include_url=False)
    return "; ".join(_clause(mistake, variables, settings) for mistake in mistakes)


def _clause(mistake: Mapping[str, Any], variables: Mapping[str, str], settings: type[BaseModel]) -> str:
    kind, place = mistake["type"], mistake["loc"]
    requirement = _requirement(mistake)
    if kind == "extra_forbidden" and (suggestion := _suggestion(str(place[-1]), _names_in(place, settings))):
        return f"{_describe_place(place, variables)} is no setting here{suggestion}"
    if not place:
        return requirement
    where = _describe_place(place, variables)
    if mistake["input"] is None:
        return f"{where} has no value; give it one, or remove the line"
    return f"{where}: {requirement}" if kind == "value_error" else f"{where} {requirement}"


def _names_in(place: tuple[str | int, ...], settings: type[BaseModel]) -> Collection[str]:
    """Return the names that belong where a wrong one is; none within lists and mappings of a free form."""
    model = settings
    for step in place[:-1]:
        annotation = model.model_fields[str(step)].annotation if str(step) in model.model_fields else None
        options = (annotation, *get_args(annotation))
        models = [each for each in options if isinstance(each, type) and issubclass(each, BaseModel)]
        if len(models) != 1:
            return ()
        model = models[0]
    return model.model_fields


def _describe_place(place: tuple[str | int, ...], variables: Mapping[str, str]) -> str:
    """Return the variable or the line that sets the wrong value."""
    name, *steps = place
    if steps and isinstance(steps[0], int):
        return f"{_variable(name, variables) or f'{FILE}: {name}'}, item {steps[0] + 1},"
    if len(steps) > 1 and (name == "ports" or isinstance(steps[1], int)):
        # The kind of the adapter or the number of the item, which are no part of the path in the file.
        del steps[1]
    path = [str(name), *(str(step) for step in steps if step != "[key]")]
    nested = _variable(NESTED.join(path), variables)
    return nested or _variable(name, variables) or f"{FILE}: {'.'.join(path)}"


def _variable(name: str | int, variables: Mapping[str, str]) -> str | None:
    variable = PREFIX + str(name).upper()
    return variables.get(variable) or variables.get(f"{variable}_FILE")


def _requirement(mistake: Mapping[str, Any]) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in _PARTS:
        return _PARTS[kind]
    if limit := _LIMITS.get(kind):
        return f"must be {_BOUNDS[limit]} {context[limit]}"
    forms = [form for start, form in _FORMS.items() if kind.startswith(start)]
    return f"must be {forms[0]}" if forms else "has an invalid value"
