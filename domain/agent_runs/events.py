"""Events of the runs of agents. The content of a span is personal data of its subject."""

from __future__ import annotations

from typing import Annotated

from domain.agent_runs.description import RunDescription
from domain.agent_runs.spans import Span
from domain.agent_runs.usage import Usage
from domain.kernel import Event, Identifier, Personal
from domain.kernel.access import role
from domain.kernel.fields import Json


class SpanRecorded(Event, type="agentrun.span_recorded"):
    """A span of the run was recorded. `run_agent` is the agent of the run at that time."""

    access = role("run_content_viewer")

    span: Span
    run_agent: str | None = None
    subject: Identifier | None = None
    content: Annotated[dict[str, Json] | None, Personal("subject")] = None

    @property
    def agent(self) -> str | None:
        """The agent that the span counts for: its own, else that of the run."""
        return self.span.agent_name or self.run_agent


class RunDescribed(Event, type="agentrun.described"):
    """Spans led to another description of the run, or to more `usages` of its agent.

    If its agent is another one, `moved` is the usage until then, which counts for this agent from now on, and
    not for the `previous_agent`.
    """

    access = role("run_viewer")

    description: RunDescription
    usages: tuple[Usage, ...] = ()
    previous_agent: str | None = None
    moved: tuple[Usage, ...] = ()
