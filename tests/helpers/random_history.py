"""A random history of tasks, agents and documents, sent to an API by several callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.helpers.served_api import Served
from tests.helpers.servers import eventually

TEXTS = ("plain", '<i>markup</i> & "quotes"', "two\nlines", "ünïcödé 🦊", " spaces  inside ", "null", "0")
NUMBERS = (0, -1, 1.5, 9007199254740993, -(2**63), 1e21, 0.1)
CONSTANTS = (None, True, False)


@dataclass(frozen=True)
class RandomHistory:
    """Sends commands to `served`; `headers` are those of its callers, of which one sends each command.

    Half of the commands belong to one of the `traces`.
    """

    served: Served
    headers: Sequence[Mapping[str, str]]
    random: Random
    traces: Sequence[str]
    streams: dict[str, list[str]] = field(default_factory=lambda: {"agent": [], "task": [], "document": []})

    def fill(self, commands: int) -> None:
        """Create three entities of each kind, then send so many commands that change some of them."""
        for _ in range(3):
            self._create()
        for _ in range(commands):
            self._change()

    def form_team(self, administrator: Mapping[str, str]) -> str:
        """Request a task of a team, of which a process gives parts to two agents; return its trace."""
        trace = f"{self.random.getrandbits(128):032x}"
        fields = {"title": "together", "agentIds": self.streams["agent"][:2]}
        assert self._send("requestTeamTask", trace, administrator, **fields)
        query = "query ($id: ID!) { events(filter: {correlation: $id}, first: 200) { nodes { type } } }"
        body = {"query": query, "variables": {"id": trace}}

        def is_formed() -> bool:
            nodes = self.served.post(body, **administrator).json()["data"]["events"]["nodes"]
            return [node["type"] for node in nodes].count("process.command_succeeded") == 2

        eventually(is_formed)
        return trace

    def _create(self) -> None:
        text = self.random.choice(TEXTS)
        priority = self.random.choice(["LOW", "HIGH"])
        for category, mutation, fields in (
            ("agent", "registerAgent", {"name": text}),
            ("task", "createTask", {"title": text, "tags": [text], "priority": priority}),
            ("document", "createDocument", {"title": text, "content": {"a": self._value(2)}}),
        ):
            stream = self._send(mutation, self._trace(), **fields)
            assert stream is not None
            self.streams[category].append(stream)

    def _change(self) -> None:
        text = self.random.choice(TEXTS)
        task, document = (self.random.choice(self.streams[name]) for name in ("task", "document"))
        changes: list[tuple[str, dict[str, Any]]] = [
            ("assignTask", {"id": task, "agentId": self.random.choice(self.streams["agent"])}),
            ("startTask", {"id": task}),
            ("completeTask", {"id": task, "result": self._value(2)}),
            ("failTask", {"id": task, "error": text}),
            ("cancelTask", {"id": task, "reason": text}),
            ("replaceDocument", {"id": document, "content": self._value(3)}),
            ("patchDocument", {"id": document, "patch": {text: self._value(2), "a": self._value(1)}}),
            ("renameDocument", {"id": document, "title": text}),
        ]
        mutation, fields = self.random.choice(changes)
        self._send(mutation, self._trace(), **fields)

    def _trace(self) -> str | None:
        return self.random.choice(self.traces) if self.random.random() < 0.5 else None

    def _send(
        self, mutation: str, trace: str | None, caller: Mapping[str, str] | None = None, **fields: Any
    ) -> str | None:
        """Send a command; return its stream, or None if it was refused, as many random ones are."""
        name = f"{mutation[0].upper()}{mutation[1:]}Input"
        query = f"mutation ($input: {name}!) {{ {mutation}(input: $input) {{ receipt {{ stream }} }} }}"
        headers = dict(caller or self.random.choice(self.headers))
        if trace is not None:
            headers["traceparent"] = f"00-{trace}-00f067aa0ba902b7-01"
        response = self.served.post({"query": query, "variables": {"input": fields}}, **headers).json()
        payload = (response.get("data") or {}).get(mutation)
        return str(payload["receipt"]["stream"]) if payload else None

    def _value(self, depth: int) -> Any:
        """Return a random value of JSON, with lists and objects in it up to the depth."""
        kinds: list[Sequence[Any]] = [CONSTANTS, NUMBERS, TEXTS, ("",)]
        choice = self.random.randrange(6 if depth else 4)
        if choice < 4:
            return self.random.choice(kinds[choice])
        size = self.random.randrange(4)
        if choice == 4:
            return [self._value(depth - 1) for _ in range(size)]
        names = (*TEXTS, "a", "b/c", "~d")
        return {self.random.choice(names): self._value(depth - 1) for _ in range(size)}
