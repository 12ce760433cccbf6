"""The pages of docs/ agree with the code: settings, error codes, operations, and what they link to."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from api.agent_run_settings import DEFAULT_ATTRIBUTES, AgentRunSettings
from api.auth_settings import AuthSettings
from api.event_source_settings import EventSourceSettings
from api.limit_settings import LimitSettings
from api.limits.rate_settings import RateSettings
from api.port_settings import HttpPortSettings, SimulatedPortSettings
from api.result_cache_settings import ResultCacheSettings
from api.settings import Settings
from api.webhook_settings import RedisStreamSettings, WebhookSettings
from domain.kernel import errors, limit_errors, unique_errors
from tests.helpers.documentation import PAGES, ROOT, code_blocks


def setting_rows() -> list[str]:
    rows = []
    limits = LimitSettings.model_fields
    others = {name: field for name, field in Settings.model_fields.items() if name not in limits}
    for name, field in {**others, **limits}.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = "" if default is None or default == () else f"`{default}`"
        if name == "contexts":
            shown = "the example contexts"
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return rows


def test_the_page_of_settings_lists_each_setting_with_its_default() -> None:
    table = (ROOT / "docs" / "settings.md").read_text().partition("| --- | --- | --- |\n")[2]
    assert table.splitlines() == setting_rows()


def test_the_page_of_limits_lists_each_rate() -> None:
    """With its default."""
    table = (ROOT / "docs" / "limits.md").read_text().rpartition("| --- | --- | --- |\n")[2]
    fields = RateSettings.model_fields.items()
    rows = [f"| `{name}` | `{field.default}` | {field.description} |" for name, field in fields]
    assert table.splitlines() == rows


def test_the_page_of_ports_lists_each_setting_of_an_adapter() -> None:
    """With its default."""
    page = (ROOT / "docs" / "ports.md").read_text()
    for kind in (HttpPortSettings, SimulatedPortSettings):
        for name, field in kind.model_fields.items():
            if name == "adapter":
                continue
            is_shown = not field.is_required() and field.default not in (None, (), {})
            default = f"`{field.default}`".lower() if is_shown else ""
            assert f"| `{name}` | {default} | " in page


def test_the_page_of_incoming_events_lists_each_setting_of_a_source() -> None:
    """With its default and its description."""
    page = (ROOT / "docs" / "incoming-events.md").read_text()
    for name, field in EventSourceSettings.model_fields.items():
        default = f"`{field.default}`" if not field.is_required() and field.default else ""
        assert f"| `{name}` | {default} | {field.description} |" in page


def test_the_page_of_webhooks_lists_each_setting() -> None:
    """Of webhooks and of streams in Redis, with its default and its description."""
    page = (ROOT / "docs" / "webhooks.md").read_text()
    for kind in (WebhookSettings, RedisStreamSettings):
        for name, field in kind.model_fields.items():
            default = "P3D" if name == "retry_for" else str(field.default)
            default = default.lower() if isinstance(field.default, bool) else default
            shown = "" if field.default in (None, ()) else f"`{default}`"
            assert f"| `{name}` | {shown} | {field.description} |" in page


def test_the_page_of_authentication_lists_each_of_its_settings() -> None:
    """With its default and its description."""
    page = (ROOT / "docs" / "authentication.md").read_text()
    for name, field in AuthSettings.model_fields.items():
        is_shown = field.default not in (None, (), {})
        default = f"`{field.default}`" if is_shown else ""
        default = default.lower() if isinstance(field.default, bool) else default
        assert f"| `{name}` | {default} | {field.description} |" in page


def test_the_page_of_agent_runs_lists_each_setting() -> None:
    """With its description, and the attributes that are kept by default."""
    page = (ROOT / "docs" / "agent-runs.md").read_text()
    for name, field in AgentRunSettings.model_fields.items():
        assert re.search(rf"^\| `{name}` \| .* \| {re.escape(field.description or '-')} \|$", page, re.M)
    (kept,) = re.findall(r"kept by default are ([^;]+); they", page)
    assert tuple(re.findall("`([^`]+)`", kept)) == DEFAULT_ATTRIBUTES


def test_the_page_of_caches_lists_each_setting_of_the_results() -> None:
    """With its default and its description."""
    page = (ROOT / "docs" / "caches.md").read_text()
    for name, field in ResultCacheSettings.model_fields.items():
        assert f"| `{name}` | `{field.default}` | {field.description} |" in page


def test_the_page_of_errors_lists_each_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    modules = (errors, limit_errors, unique_errors)
    classes = [kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)]
    codes = {kind.code for kind in classes if issubclass(kind, errors.NerveError)}
    assert set(re.findall(r"^\| `([A-Z_]+)`", page, re.M)) == codes


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "api" / "schema.graphql").read_text())


UNSERVED = ("system.md", "users.md")
"""Pages about contexts that are not served by default; other tests run their operations."""

UNSERVED_FIELDS = r"Ledger|buyTicket|AgentRun|alerts\(|portCalls\(|foreignDocuments"
"""Fields of other contexts that are not served by default; other tests run their operations."""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in UNSERVED], ids=lambda page: page.name
)
def test_the_operations_of_a_page_fit_the_schema(page: Path, schema: GraphQLSchema) -> None:
    """Contexts that a page builds are not in the schema; other tests run their operations."""
    documents = [block for block in code_blocks(page, "graphql") if not re.search(UNSERVED_FIELDS, block)]
    errors = [error for document in documents for error in validate(schema, parse(document))]
    assert errors == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_files_and_headings_that_exist(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)\s]+)", text) if "://" not in link]
    named = re.findall(r"`(tests/[\w/.]+|\.?docs/[\w/.]+)`", text)
    missing = [link for link in links if not leads_somewhere(page, link)]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in map(anchor_of, headings(target)))


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text(), re.M)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
