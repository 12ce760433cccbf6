"""The peer over HTTP: the same API in strawberry as its documentation writes it.

Typed classes, async resolvers, the connection of its guide on Relay pagination, `strawberry.asgi.GraphQL`. It
reads nerve's own view collection with motor by the same queries, and makes an object of each row, where nerve
hands the document on. A mutation is one awaited insert, journaled by a majority.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import uuid4

import strawberry
from motor.motor_asyncio import AsyncIOMotorClient
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

Document = Mapping[str, Any]
T = TypeVar("T")


class Store:
    """Reads by the queries that nerve makes."""

    def __init__(self) -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            os.environ["NERVE_MONGO_URL"],
            w="majority",
            journal=True,
            readConcernLevel="majority",
            tz_aware=True,
            tzinfo=UTC,
        )
        database = client[os.environ["NERVE_DATABASE"]]
        self._rows = database["view_workflows_1"]
        self._commits = database["plain_log"]

    async def page(self, size: int) -> list[Document]:
        found = self._rows.find({"_tenant": "default", "_gone": False, "$and": [{}]}).sort([("id", 1)])
        return [*await found.limit(size).to_list(None)]

    async def get(self, id: str) -> Document | None:
        return await self._rows.find_one({"_id": f"default/{id}"})

    async def insert(self, document: dict[str, Any]) -> None:
        await self._commits.insert_one(document)


class HeldStore(Store):
    """Asks MongoDB for the page once, and then has it in memory."""

    _held: list[Document] | None = None

    async def page(self, size: int) -> list[Document]:
        if self._held is None:
            self._held = await super().page(size)
        return self._held


Info = strawberry.Info[dict[str, Store], None]


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
        row = await info.context["store"].get(id)
        return None if row is None else Workflow.of(row)

    @strawberry.field
    async def workflows(self, info: Info, first: int = 20) -> Connection[Workflow]:
        found = await info.context["store"].page(first + 1)
        edges = [Edge(node=Workflow.of(row), cursor=_cursor(row)) for row in found[:first]]
        return Connection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=len(found) > first,
                has_previous_page=False,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )


def _cursor(row: Document) -> str:
    return b64encode(row["id"].encode()).decode()


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
        await info.context["store"].insert(
            {"stream": stream, "events": [event], "command": {"id": command}, "at": now}
        )
        receipt = Receipt(command_id=strawberry.ID(command), stream=strawberry.ID(stream), version=1)
        return StartWorkflowPayload(receipt=receipt)


class App(GraphQL[dict[str, Store], None]):
    def __init__(self, schema: strawberry.Schema, store: Store) -> None:
        super().__init__(schema)
        self._store = store

    async def get_context(self, request: object, response: object) -> dict[str, Store]:
        return {"store": self._store}


def usual() -> App:
    """Without extensions."""
    return App(strawberry.Schema(Query, Mutation), Store())


def cached() -> App:
    """With strawberry's own caches of parsed and of validated texts."""
    return App(strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache]), Store())


def usual_from_memory() -> App:
    """Without extensions, and without a database behind the list."""
    return App(strawberry.Schema(Query, Mutation), HeldStore())
