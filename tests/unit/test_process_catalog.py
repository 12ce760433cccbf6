"""Several processes in one catalog: what they share, and where the commands that they share lead."""

from __future__ import annotations

import pytest

from domain.kernel import Catalog, Command, NotFound
from domain.kernel.errors import DeclarationError, ValidationFailed
from domain.process import process_context
from domain.process.commands import CancelProcess, ResumeProcess, RetryProcess
from tests.helpers.errands import CONTEXTS, DoChore, Errand, careless, chores, errands


@pytest.mark.parametrize("kind", [RetryProcess, ResumeProcess, CancelProcess])
def test_an_operators_command_leads_to_the_process_of_its_id(
    kind: type[RetryProcess | ResumeProcess | CancelProcess],
) -> None:
    catalog = Catalog(CONTEXTS)
    assert catalog.context_of(kind(id="errand-1", reason="mended")) is errands
    assert catalog.context_of(kind(id="careless-1", reason="mended")) is careless


@pytest.mark.parametrize("id", ["chore-1", "nothing-1"])
def test_an_operators_command_for_no_process_is_refused(id: str) -> None:
    with pytest.raises(ValidationFailed) as error:
        Catalog(CONTEXTS).context_of(RetryProcess(id=id, reason="mended"))
    assert str(error.value) == (
        f"'{id}' is not the id of a stream that handles RetryProcess: it must start with 'careless-' or "
        "'errand-' or 'visit-'"
    )
    assert error.value.path == ("id",)


@pytest.mark.parametrize("command", [RetryProcess(id="errand-1", reason="mended"), DoChore(id="chore-1")])
def test_a_command_that_no_context_handles_is_not_found(command: Command) -> None:
    context = errands if isinstance(command, DoChore) else chores
    with pytest.raises(NotFound, match="no registered context handles"):
        Catalog([context]).context_of(command)


def test_two_processes_of_one_category_are_refused_by_their_names() -> None:
    class Other(Errand):
        """Another process of the same category."""

    other = process_context("others", Other)
    with pytest.raises(DeclarationError) as error:
        Catalog([errands, other])
    assert str(error.value) == (
        f"tests.helpers.errands.Errand and {__name__}.{Other.__qualname__} both have the category 'errand'; "
        "give one of them another"
    )


def test_one_process_in_two_contexts_is_refused() -> None:
    with pytest.raises(DeclarationError, match="is a command of the contexts 'errands' and 'again'"):
        Catalog([errands, process_context("again", Errand)])
