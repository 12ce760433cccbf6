"""`nerve why`, for what a running nerve has stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.kernel.errors import NerveError
from domain.tasks.events import TaskStatus
from tests.helpers.command_line import CLI
from tests.helpers.served_api import serve


def test_why_explains_a_value_on_the_command_line(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    urls = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    nerve = CliRunner(env={f"NERVE_{name.upper()}": value for name, value in urls.items()})
    with serve(worker=False, **urls) as served:
        agent = served.do("registerAgent", "STORED", name="Writer")["stream"]
        task = served.do("createTask", "STORED", title="a", agentId=agent)["stream"]
        served.do("completeTask", "STORED", id=task)
        result = nerve.invoke(CLI, ["why", task, "status"], catch_exceptions=False).output
        assert 'status: "ASSIGNED" → "COMPLETED"' in result
        assert "CompleteTask" in result
        assert "task.completed" in result
        then = nerve.invoke(CLI, ["why", task, "status", "--at", "2"], catch_exceptions=False).output
        assert 'status: "CREATED" → "ASSIGNED"' in then
        counted = nerve.invoke(
            CLI, ["why", agent, "completed_tasks", "--view", "agents"], catch_exceptions=False
        )
        assert "completed_tasks: 0 → 1" in counted.output
        # Names and ids as in the API, where a row that is no entity has the id Type:key.
        stored = served.ask("{ events(first: 10) { nodes { type time } } }")["events"]["nodes"]
        [completed] = [event["time"] for event in stored if event["type"] == "task.completed"]
        key = f"{completed[:10]}/{TaskStatus.COMPLETED}/{agent}"
        for arguments, line in (
            ([agent, "completedTasks"], "completedTasks: 0 → 1"),
            ([f"TaskDay:{key}", "agentId"], f'agentId: null → "{agent}"'),
            ([f"TaskDay:{key}", "agentId", "--view", "taskDays"], f'agentId: null → "{agent}"'),
            ([key, "agent_id", "--view", "task_days"], f'agent_id: null → "{agent}"'),
        ):
            assert line in nerve.invoke(CLI, ["why", *arguments], catch_exceptions=False).output
        for arguments, sentence in (
            ([task, "colour"], "the view tasks has no field 'colour'; it has id, title, description, "),
            (["task-none", "status"], "tasks has no row 'task-none' at position 3"),
            (["none-1", "status"], "name the view of 'none-1' with --view"),
            (["agent-1/2", "status"], "name the view of 'agent-1/2' with --view"),
            ([task, "status", "--view", "none"], "there is no view 'none'; there are agents, "),
            ([task, "status", "--at", "9"], "the log has not come to the position asked for"),
        ):
            refused = nerve.invoke(CLI, ["why", *arguments]).exception
            assert isinstance(refused, NerveError)
            assert sentence in str(refused)
