"""The peer over HTTP: the same API in strawberry as its documentation writes it.

Typed classes, async resolvers, the connection of its guide on Relay pagination, `strawberry.asgi.GraphQL`. It
reads nerve's own view collections with motor by the same queries, and makes an object of each row, where
nerve hands the document on. Its data loaders batch links. A mutation is one awaited insert, journaled by a
majority.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import uuid4

import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from tests.bench.row_store import Document, RowStore, cursor_of_id, id_of_cursor, open_database

T = TypeVar("T")


class Store(RowStore):
    """The rows that are read, and the log that is written."""

    def __init__(self) -> None:
        database = open_database()
        super().__init__(
            database,
            workflows=(
                "id", "name", "status", "steps", "steps_completed", "steps_planned", "progress", "error",
                "started_at", "finished_at", "duration_seconds",
            ),
            tasks=("id", "title", "status", "workflow_id", "agent_id"),
            agents=("id", "name", "state"),
        )  # fmt: skip
        self._commits = database["plain_log"]

    async def insert(self, document: dict[str, Any]) -> None:
        await self._commits.insert_one(document)


class HeldStore(Store):
    """Asks MongoDB for the page once, and then has it in memory."""

    _held: list[Document] | None = None

    async def workflows(self, size: int, after: str | None) -> list[Document]:
        if self._held is None:
            self._held = await super().workflows(size, after)
        return self._held


class Reads:
    """The context of a request: the store, and the loaders of its links."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks_of: DataLoader[str, list[Document]] = DataLoader(self._tasks_of)
        self.agents: DataLoader[str, Document | None] = DataLoader(self._agents)

    async def _tasks_of(self, workflows: list[str]) -> list[list[Document]]:
        by_workflow: dict[str, list[Document]] = {workflow: [] for workflow in workflows}
        for task in await self.store.tasks_of(workflows):
            by_workflow[task["workflow_id"]].append(task)
        return [by_workflow[workflow] for workflow in workflows]

    async def _agents(self, ids: list[str]) -> list[Document | None]:
        by_id = {agent["id"]: agent for agent in await self.store.agents(ids)}
        return [by_id.get(agent) for agent in ids]


Info = strawberry.Info[Reads, None]


@strawberry.enum
class AgentState(Enum):
    IDLE = "IDLE"
    BUSY = "BUSY"
    OFFLINE = "OFFLINE"
    RETIRED = "RETIRED"


@strawberry.type
class Agent:
    id: strawberry.ID
    name: str
    state: AgentState


@strawberry.enum
class TaskStatus(Enum):
    CREATED = "CREATED"
    ASSIGNED = "ASSIGNED"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@strawberry.type
class Task:
    id: strawberry.ID
    title: str
    status: TaskStatus
    agent_id: strawberry.ID | None

    @strawberry.field
    async def agent(self, info: Info) -> Agent | None:
        row = None if self.agent_id is None else await info.context.agents.load(self.agent_id)
        return None if row is None else Agent(id=row["id"], name=row["name"], state=AgentState(row["state"]))

    @classmethod
    def of(cls, row: Document) -> "Task":
        return cls(
            id=row["id"], title=row["title"], status=TaskStatus(row["status"]), agent_id=row["agent_id"]
        )


@strawberry.type
class TaskConnection:
    nodes: list[Task]


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    node: T
    cursor: str


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    page_info: PageInfo


@strawberry.enum
class WorkflowStatus(Enum):
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


@strawberry.type
class WorkflowStep:
    name: str
    task_id: strawberry.ID | None
    agent_id: strawberry.ID | None
    completed_at: datetime

    @classmethod
    def of(cls, step: Document) -> "WorkflowStep":
        return cls(
            name=step["name"],
            task_id=step["task_id"],
            agent_id=step["agent_id"],
            completed_at=step["completed_at"],
        )


@strawberry.type
class Workflow:
    id: strawberry.ID
    name: str
    status: WorkflowStatus
    steps: list[WorkflowStep]
    steps_completed: int
    steps_planned: int | None
    progress: float | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    duration_seconds: float | None

    @strawberry.field
    async def tasks(self, info: Info, first: int = 20) -> TaskConnection:
        rows = await info.context.tasks_of.load(self.id)
        return TaskConnection(nodes=[Task.of(row) for row in rows[:first]])

    @classmethod
    def of(cls, row: Document) -> "Workflow":
        return cls(
            id=strawberry.ID(row["id"]),
            name=row["name"],
            status=WorkflowStatus(row["status"]),
            steps=[WorkflowStep.of(step) for step in row["steps"]],
            steps_completed=row["steps_completed"],
            steps_planned=row["steps_planned"],
            progress=row["progress"],
            error=row["error"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            duration_seconds=row["duration_seconds"],
        )


@strawberry.type
class Query:
    @strawberry.field
    async def workflow(self, info: Info, id: strawberry.ID) -> Workflow | None:
        row = await info.context.store.workflow(id)
        return None if row is None else Workflow.of(row)

    @strawberry.field
    async def workflows(self, info: Info, first: int = 20, after: str | None = None) -> Connection[Workflow]:
        start = None if after is None else id_of_cursor(after)
        found = await info.context.store.workflows(first + 1, start)
        edges = [Edge(node=Workflow.of(row), cursor=cursor_of_id(row["id"])) for row in found[:first]]
        return Connection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=len(found) > first,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )


@strawberry.input
class StartWorkflowInput:
    name: str
    planned_steps: int | None = None


@strawberry.type
class Receipt:
    command_id: strawberry.ID
    stream: strawberry.ID
    version: int


@strawberry.type
class StartWorkflowPayload:
    receipt: Receipt


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def start_workflow(self, info: Info, input: StartWorkflowInput) -> StartWorkflowPayload:
        stream, command = f"workflow-{uuid4().hex}", f"cmd-{uuid4().hex}"
        now = datetime.now(UTC)
        data = {"name": input.name, "planned_steps": input.planned_steps, "started_at": now}
        event = {"id": f"evt-{uuid4().hex}", "type": "workflow.started", "version": 1, "data": data}
        await info.context.store.insert(
            {"stream": stream, "events": [event], "command": {"id": command}, "at": now}
        )
        receipt = Receipt(command_id=strawberry.ID(command), stream=strawberry.ID(stream), version=1)
        return StartWorkflowPayload(receipt=receipt)


class App(GraphQL[Reads, None]):
    def __init__(self, schema: strawberry.Schema, store: Store) -> None:
        super().__init__(schema)
        self._store = store

    async def get_context(self, request: object, response: object) -> Reads:
        return Reads(self._store)


def usual() -> App:
    """Without extensions."""
    return App(strawberry.Schema(Query, Mutation), Store())


def cached() -> App:
    """With strawberry's own caches of parsed and of validated texts."""
    return App(strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache]), Store())


def usual_from_memory() -> App:
    """Without extensions, and without a database behind the list."""
    return App(strawberry.Schema(Query, Mutation), HeldStore())
