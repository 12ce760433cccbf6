"""Reports what is read from where: which settings come from `nerve.yaml`, the environment and `nerve dev`.

Names of settings are reported, and never their values.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from api.devserver.folder import RunningInstance
from api.doctor.findings import Finding, ok
from api.secret_settings import SUFFIX
from api.settings import Settings
from api.settings_file import FILE, NESTED, PREFIX, read_settings_file


def check_sources(
    settings: Settings, before: Settings, instance: RunningInstance | None
) -> Iterator[Finding]:
    """Yield a finding for each source. `before` are the settings without those of the running instance."""
    names = Settings.model_fields
    in_file = read_settings_file(names)
    yield report_file(FILE.absolute(), in_file)
    yield from report_environment(os.environ, names, in_file)
    given = [name for name in names if getattr(settings, name) != getattr(before, name)]
    yield report_instance(instance, given, settings.data_dir)


def report_file(path: Path, values: Collection[str]) -> Finding:
    """Report which settings are in the file."""
    if not values:
        return ok(str(FILE), f"{path} sets nothing, or does not exist", settings=0)
    return ok(str(FILE), f"{path} sets {', '.join(sorted(values))}", settings=len(values))


def report_environment(
    variables: Mapping[str, str], names: Collection[str], in_file: Collection[str]
) -> Iterator[Finding]:
    """Report which variables are settings, which settings of the file they replace, and which are none."""
    of_settings, others = dict[str, str](), []
    for variable in sorted(variables):
        if variable.upper().startswith(PREFIX):
            name = _setting(variable)
            if name in names:
                of_settings[variable] = name
            else:
                others.append(variable)
    text = ", ".join(of_settings) or "sets nothing"
    if replaced := sorted({name for name in of_settings.values() if name in in_file}):
        text += f"; they replace {', '.join(replaced)} of {FILE}, wholly or in part"
    yield ok("environment", text, settings=len(of_settings))
    if others:
        yield ok("other variables", f"{', '.join(others)}: no settings, and ignored", variables=len(others))


def _setting(variable: str) -> str:
    name = variable.upper().removeprefix(PREFIX)
    return name.removesuffix(SUFFIX).partition(NESTED)[0].lower()


def report_instance(instance: RunningInstance | None, given: Collection[str], folder: Path) -> Finding:
    """Report whether a `nerve dev` is running with the data folder, and which settings it gives."""
    check = "running instance"
    if instance is None:
        return ok(check, f"no `nerve dev` is running with the data folder {folder}")
    settings = f" gives {', '.join(given)}" if given else " gives no setting"
    return ok(check, f"`nerve dev`, process {instance.pid},{settings}", pid=instance.pid)
