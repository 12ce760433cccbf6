"""Generated commands of agents, tasks and workflows."""

from __future__ import annotations

from hypothesis import strategies as st

from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentState
from domain.kernel import Command
from domain.tasks.commands import AssignTask, CancelTask, CompleteTask, CreateTask, FailTask, StartTask
from domain.workflows.commands import CompleteStep, FailWorkflow, FinishWorkflow, StartWorkflow

agent_ids = st.sampled_from(["agent-1", "agent-2", "agent-3"])


task_ids = st.sampled_from([f"task-{n}" for n in range(6)])


workflow_ids = st.sampled_from(["workflow-1", "workflow-2"])


maybe_agent = st.none() | agent_ids


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("key"), inner, max_size=1),
    max_leaves=3,
)


commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterAgent, id=agent_ids, name=st.just("Writer")),
    st.builds(ChangeAgentState, id=agent_ids, state=st.sampled_from(AgentState)),
    st.builds(RetireAgent, id=agent_ids),
    st.builds(
        CreateTask,
        id=task_ids,
        title=st.just("Sum"),
        agent_id=maybe_agent,
        workflow_id=st.none() | workflow_ids,
    ),
    st.builds(AssignTask, id=task_ids, agent_id=agent_ids),
    st.builds(StartTask, id=task_ids),
    st.builds(CompleteTask, id=task_ids, result=json),
    st.builds(FailTask, id=task_ids, error=st.just("no")),
    st.builds(CancelTask, id=task_ids),
    st.builds(
        StartWorkflow, id=workflow_ids, name=st.just("case"), planned_steps=st.none() | st.integers(1, 3)
    ),
    st.builds(
        CompleteStep, id=workflow_ids, name=st.sampled_from(["draft", "send"]), task_id=st.none() | task_ids
    ),
    st.builds(FinishWorkflow, id=workflow_ids),
    st.builds(FailWorkflow, id=workflow_ids, error=st.just("no")),
)


SETUP: list[Command] = [
    RegisterAgent(id="agent-1", name="Writer"),
    RegisterAgent(id="agent-2", name="Editor"),
    StartWorkflow(id="workflow-1", name="case", planned_steps=2),
    *(CreateTask(id=f"task-{n}", title="Sum", agent_id="agent-1") for n in range(3)),
]
