"""Secrets among the settings: they come from the environment or from files, and not from `nerve.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr
from pydantic_settings import EnvSettingsSource

from api.settings_file import FILE, NESTED, PREFIX
from domain.kernel.errors import ConfigurationError

SUFFIX = "_FILE"
"""Ends the name of a variable that names the file of a secret, such as NERVE_MASTER_KEY_FILE."""

ANY_KEY = "*"
"""A step of a path through a mapping with any keys, such as the names of ports."""


def secret_paths(model: type[BaseModel]) -> frozenset[tuple[str, ...]]:
    """Return the paths of all secrets in a model of settings: ``("ports", "*", "secret")``."""
    return frozenset(
        (name, *rest) for name, field in model.model_fields.items() for rest in _paths_in(field.annotation)
    )


def _paths_in(annotation: Any) -> Iterator[tuple[str, ...]]:
    if annotation is SecretStr:
        yield ()
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from secret_paths(annotation)
    else:
        step = (ANY_KEY,) if getattr(annotation, "__origin__", None) is dict else ()
        for part in get_args(annotation):
            yield from ((*step, *path) for path in _paths_in(part))


class Environment(EnvSettingsSource):
    """The environment, in which ``NERVE_<SETTING>_FILE`` sets a secret to the content of a file.

    The variable without the suffix takes precedence. Raises ConfigurationError where a file cannot be read,
    and where the setting is no secret.
    """

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        for name in [name for name in variables if self._names_file(name)]:
            file = Path(variables.pop(name) or "")
            setting = name[: -len(SUFFIX)]
            if setting not in variables:
                variables[setting] = _read(name.upper(), file)
        return variables

    def _names_file(self, name: str) -> bool:
        """Return whether the variable, whose name is in lower case, names the file of a secret."""
        if not (name.upper().startswith(PREFIX) and name.upper().endswith(SUFFIX)):
            return False
        path = name[len(PREFIX) : -len(SUFFIX)].split(NESTED)
        if any(_matches(path, secret) for secret in secret_paths(self.settings_cls)):
            return True
        if path[0] in self.settings_cls.model_fields:
            setting = name[: -len(SUFFIX)].upper()
            raise ConfigurationError(f"{name.upper()}: only secrets come from files; set {setting}")
        return False


def refuse_secrets(values: Mapping[str, Any], model: type[BaseModel]) -> None:
    """Raise ConfigurationError where `nerve.yaml` contains a secret. A URL without a password is none."""
    for path in sorted(secret_paths(model)):
        for place, value in _values_at(values, path):
            if _is_secret(value):
                variable = PREFIX + NESTED.join(place).upper()
                raise ConfigurationError(
                    f"{FILE}: {'.'.join(place)} is a secret, which does not belong in this file;"
                    f" set {variable}, or set {variable}{SUFFIX} to the path of a file that contains it"
                )


def _values_at(values: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not path:
        yield (), values
    elif isinstance(values, Mapping):
        for name in values if path[0] == ANY_KEY else {path[0]} & values.keys():
            yield from (((str(name), *place), value) for place, value in _values_at(values[name], path[1:]))


def _is_secret(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_secret, value))
    if not isinstance(value, str) or not value:
        return False
    try:
        return "://" not in value or urlsplit(value).password is not None
    except ValueError:
        return True


def _matches(path: Sequence[str], secret: tuple[str, ...]) -> bool:
    return len(path) == len(secret) and all(
        expected in (step, ANY_KEY) for step, expected in zip(path, secret, strict=True)
    )


def _read(variable: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{variable}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{variable}: {file} is not a text file in UTF-8") from None
