"""Runs of agents, observed from outside: the spans of one trace are the events of one stream.

The receiver of OTLP records them. `api` and the views of runs import it; other contexts may not.
"""

from domain.agent_runs.aggregate import AgentRun
from domain.kernel import Context

context = Context("agent_runs", AgentRun)
