"""Runs of agents in the console, and exports of its pages: walked in a browser, compared with the API."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pymongo import MongoClient

from api.settings import Settings
from domain.kernel.personal import actor_subject
from tests.acceptance.clients.programs import build_pages, run_in_browser
from tests.helpers.recorded_runs import chat, message, record, span, tool
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually

RUNS = ("projections.views.runs", "projections.views.spans", "projections.views.run_days")
PERSON = "jane"
TITLE = "a | b \\| `code` <img src=x> [link](http://x) # \u202egnihtyreve"
SHOWN_TITLE = TITLE.replace("\u202e", "⟨U+202E⟩").replace("\\|", "\\⟨U+007C⟩")
FIRST, SECOND = "5b8efff798038103d269b633813fc60c", "0af7651916cd43dd8448eb211c80319c"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support"}
PRICES = {"gpt-4.1": {"input": 2, "output": 8}}
RUN = """query ($id: ID!) { agentRun(id: $id) {
  id traceId name state errorType agentName conversationId correlationId agentId taskId workflowId services
  providers models startedAt endedAt durationSeconds spans agentCalls modelCalls toolCalls errors inputTokens
  outputTokens cost
  spanTree(first: 50, orderBy: [{ field: START_NANO }]) {
    nodes { id name cost inputTokens attributes } } } }"""


PROCESS = """query ($id: ID!) { process(id: $id) {
  kind key status waitingFor correlationId effects { effectId name state } } }"""
COUNTS = """{ spans(first: 1) { totalCount }
  runs(filter: { state: { in: [COMPLETED, FAILED] } }, first: 1) { totalCount } }"""


@pytest.fixture
def nerve(mongo_url: str, redis_url: str) -> Iterator[Served]:
    database = f"test_{uuid4().hex}"
    with serve(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        contexts=(*Settings.model_fields["contexts"].default, *RUNS),
        master_key=b64encode(os.urandom(32)).decode(),
        agent_runs={"prices": PRICES, "currency": "EUR", "record_content": True},
    ) as served:
        yield served
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.browser
def test_a_run_is_explained_compared_and_exported(nerve: Served, tmp_path: Path) -> None:
    """What did this agent do in this run and what did it cost: by mouse and by keyboard alone."""
    build_pages()
    plan = {
        "base": f"http://127.0.0.1:{nerve.port}",
        "folder": str(tmp_path),
        "subject": actor_subject(PERSON),
        **recorded(nerve),
    }
    run = nerve.ask(RUN, id=plan["run"])["agentRun"]
    task = nerve.ask("query ($id: ID!) { task(id: $id) { title status } }", id=plan["task"])["task"]
    process = nerve.ask(PROCESS, id=plan["process"])["process"]
    seen = run_in_browser("runs", plan)
    assert (seen["problems"], seen["violations"]) == ([], [])
    check_pages(seen, plan["task"])
    check_comparison(seen, plan["run"], plan["other"])
    check_run_export(seen["run"], run)
    check_task_export(seen["task"], task)
    check_document_export(seen["document"])
    check_process_export(seen["process"], process)
    assert json.loads(seen["trace"]["JSON"])["nodes"][0]["stream"] == plan["run"]
    assert sum("Its content was erased" in step for step in seen["erased"]) == 5
    assert "I refund it now" not in str(seen["erased"])


def recorded(nerve: Served) -> dict[str, str]:
    """Record two runs for one task, a document about a person, and a process; return their ids."""
    task = nerve.do("createTask", title=TITLE)["stream"]
    about = nerve.do(
        "createDocument", title="Jane's complaint", content={"text": "It broke"}, subjectId="person-1"
    )
    asked = [message("user", "<b>My order</b> broke")]
    asked_again = [*asked, message("assistant", "I look for it")]
    calls = [
        ("chat gpt-4.1", (100, 1_100), chat("gpt-4.1", 1_000, 50, asked, "I look for it"), None),
        ("execute_tool search", (1_200, 2_000), tool("search", {"q": 1}, {"order": 7}), None),
        ("execute_tool refund", (1_300, 2_500), tool("refund", {"order": 7}), "the account is closed"),
        ("chat gpt-4.1", (2_600, 3_600), chat("gpt-4.1", 1_500, 100, asked_again, "I refund it now"), None),
    ]
    about_task = {"enduser__id": PERSON, "nerve__task__id": task}
    record(
        nerve,
        span(FIRST, 1, "invoke_agent support", (0, 4_000), AGENT, error="the refund failed"),
        *(
            span(FIRST, number, name, times, attributes, parent=1, error=error)
            for number, (name, times, attributes, error) in enumerate(calls, 2)
        ),
        **about_task,
    )
    record(
        nerve,
        span(SECOND, 1, "invoke_agent support", (5_000, 7_000), AGENT),
        span(SECOND, 2, "chat gpt-4.1", (5_100, 6_100), chat("gpt-4.1", 1_000, 50, asked, "Done"), parent=1),
        span(SECOND, 3, "execute_tool search", (6_200, 6_900), tool("search", {"q": 2}, []), parent=1),
        **about_task,
    )
    runs = [f"agentrun-{trace}" for trace in (FIRST, SECOND)]
    eventually(lambda: nerve.ask(COUNTS) == {"spans": {"totalCount": 8}, "runs": {"totalCount": 2}})
    ids = {"run": runs[0], "other": runs[1], "task": task, "document": about["stream"]}
    return {**ids, "process": start_process(nerve)}


def start_process(nerve: Served) -> str:
    """Have a process give a task to an agent; return its stream when it waits for the agent."""
    agent = nerve.do("registerAgent", name="reader")["stream"]
    nerve.do("requestTeamTask", title="together", agentIds=[agent])

    def processes() -> list[Any]:
        nodes = nerve.ask("{ processes { nodes { _meta { key } effects { state } } } }")["processes"]["nodes"]
        return [node for node in nodes if [effect["state"] for effect in node["effects"]] == ["DONE"]]

    eventually(lambda: len(processes()) == 1)
    key: str = processes()[0]["_meta"]["key"]
    return key


def check_pages(seen: dict[str, Any], task: str) -> None:
    assert seen["filtered"] == "#/runs?agent=support"
    assert len(seen["list"]) == 2
    assert {"failed", "support", task, "0.0062", "EUR", "2,500", "150"} <= set(
        words(seen["facts"] + seen["list"][1])
    )
    question, search, refund, answer = seen["steps"][1:]
    assert "<b>My order</b> broke" in question
    assert "1,000 in · 50 out" in question
    assert "cost 0.0024" in question
    assert "order" in search
    assert "failed" in refund
    assert "the account is closed" in refund
    assert "2 messages as before" in answer
    assert len(seen["days"]) == 1
    assert "3,500" in seen["days"][0]
    assert "the account is closed" in seen["panel"]
    _root, first, searching, refunding, last = seen["bars"]
    # Both tools ran at the same time, between two calls of the model.
    assert first["right"] < searching["left"] < refunding["left"] < searching["right"] < last["left"]


def check_comparison(seen: dict[str, Any], run: str, other: str) -> None:
    assert seen["compared"] == f"#/runs?id={run}&with={other}"
    minus, blank = "\u2212", "\u00a0"
    first, second, less = (f"{cost}{blank}EUR" for cost in ("0.0062", "0.0024", f"{minus}0.0038"))
    assert f"cost\t{first}\t{second}\t{less} ({minus}61{blank}%)" in seen["figures"]
    assert f"tool calls\t2\t1\t{minus}1 ({minus}50{blank}%)" in seen["figures"]
    assert any(row.startswith("refund") and row.endswith("not called") for row in seen["tools"])
    assert "3 of 5 steps are in one of the runs only" in seen["differing"]


def check_run_export(files: dict[str, str], run: dict[str, Any]) -> None:
    """The JSON has what the API has, and no content of a span."""
    exported = json.loads(files["JSON"])
    spans = run.pop("spanTree")["nodes"]
    assert exported["facts"] == run
    assert [{name: row[name] for name in spans[0]} for row in exported["spans"]] == spans
    assert exported["leftOut"] == ["spans.content"]
    assert "My order" not in files["JSON"] + files["Markdown"]
    assert files["name of Markdown"] == f"nerve-run-{run['id']}.md"
    tables = tables_of(files["Markdown"])
    assert ["cost", run["cost"]] in tables[0]
    assert [row[0] for row in tables[1][1:]] == [each["name"] for each in spans]


def check_task_export(files: dict[str, str], task: dict[str, Any]) -> None:
    """Markup, pipes and signs that reorder text are text in the Markdown."""
    exported = json.loads(files["JSON"])
    assert {name: exported["facts"][name] for name in task} == task
    assert [event["type"] for event in exported["events"]] == ["task.created"]
    assert exported["events"][0]["data"]["title"] == task["title"] == TITLE
    assert exported["leftOut"] == []
    assert ["title", SHOWN_TITLE] in tables_of(files["Markdown"])[0]
    kinds = {token.type for token in tokens(files["Markdown"])}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert "\u202e" not in files["Markdown"]


def check_process_export(files: dict[str, str], process: dict[str, Any]) -> None:
    """A process has the events of its steps, and no field that may repeat personal data."""
    exported = json.loads(files["JSON"])
    personal = ["compensationReason", "effects", "endReason", "error", "result"]
    assert (exported["page"], exported["leftOut"]) == ("process", personal)
    assert not exported["facts"].keys() & set(personal)
    assert {name: exported["facts"][name] for name in process if name != "effects"} == {
        name: value for name, value in process.items() if name != "effects"
    }
    assert exported["events"][0]["type"] == "process.started"


def check_document_export(files: dict[str, str]) -> None:
    exported = json.loads(files["JSON"])
    assert exported["leftOut"] == ["content", "document.created personal", "title"]
    assert "archived" in exported["facts"]
    assert "Jane" not in files["JSON"] + files["Markdown"]
    assert "It broke" not in files["JSON"] + files["Markdown"]


def words(text: str) -> list[str]:
    return text.split()


def tokens(markdown: str) -> Iterator[Token]:
    """Yield the tokens of a text by CommonMark with tables, those inside others too."""
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        yield token
        yield from token.children or ()


def tables_of(markdown: str) -> list[list[list[str]]]:
    """Return the tables, each as rows of the texts in their cells."""
    tables: list[list[list[str]]] = []
    is_cell = False
    for token in tokens(markdown):
        match token.type:
            case "table_open":
                tables.append([])
            case "tr_open":
                tables[-1].append([])
            case "th_open" | "td_open":
                tables[-1][-1].append("")
                is_cell = True
            case "th_close" | "td_close":
                is_cell = False
            case "text" | "code_inline" if is_cell:
                tables[-1][-1][-1] += token.content
    return tables
