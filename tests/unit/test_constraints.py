"""`constraints.txt` pins each dependency of `pyproject.toml` to a version within its bounds."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]


def requirements() -> Iterator[Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for extra in [project["dependencies"], *project["optional-dependencies"].values()]:
        yield from map(Requirement, extra)


@pytest.fixture(scope="module")
def versions() -> dict[str, str]:
    """The version of each package in the constraints."""
    lines = [Requirement(line) for line in pinned_lines()]
    return {canonicalize_name(line.name): str(line.specifier).removeprefix("==") for line in lines}


def pinned_lines() -> list[str]:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("requirement", list(requirements()), ids=lambda requirement: requirement.name)
def test_each_dependency_has_one_exact_version_within_its_bounds(
    requirement: Requirement, versions: dict[str, str]
) -> None:
    version = versions.get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not pinned; run `make constraints`"
    assert version in requirement.specifier, f"{requirement} forbids {version}; run `make constraints`"


def test_the_constraints_name_exact_versions_and_no_index() -> None:
    for line in pinned_lines():
        assert len(Requirement(line).specifier) == 1
        assert "==" in line
        assert "://" not in line
