"""Without the setting `tracing`, nothing is wrapped and the SDK is not imported: so it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest

from api.access.callers import OPEN
from api.app import create_app
from api.graphql.execution.executor import Executor
from api.instruments import NO_INSTRUMENTS
from api.metrics import MeteredLog
from api.settings import Settings
from api.tracing.api_parts import executor_class
from api.tracing.opening import open_tracing
from api.tracing_settings import TracingSettings
from api.transports.admission_guard import AdmissionGuard
from api.transports.origin_guard import OriginGuard
from api.transports.security_headers import SecurityHeaders
from domain.kernel.errors import ConfigurationError
from subscriptions.feed.feed import Feed
from tests.helpers.unconnected_runtime import unconnected_runtime


async def test_the_parts_of_a_process_are_the_plain_ones() -> None:
    """The log, the feed, the sources of live topics and the executor have no wrapper, the bus no layer."""
    database: Any = None
    async with open_tracing(Settings().tracing) as tracing:
        runtime = unconnected_runtime(instruments=tracing.make_instruments(database))
        assert tracing.tracer is None
        assert executor_class(tracing) is Executor
    runtime.make_parts()
    assert len(runtime.middleware) == 7
    log = vars(runtime.bus)["_log"]
    assert (type(log), vars(log)["_log"]) == (MeteredLog, runtime.log)
    assert type(runtime.feed) is Feed
    assert vars(vars(runtime.event_hub)["_hub"])["_source"] is runtime.event_hub
    for parts in runtime.view_parts.values():
        live = vars(parts.live)
        assert vars(live["_hub"])["_source"] is live["_source"]


def test_instruments_return_each_part_itself() -> None:
    """The handlers of views and the work of processes are the same objects."""
    log, handler, perform, source = (cast(Any, object()) for _ in range(4))
    assert NO_INSTRUMENTS.middleware == ()
    assert NO_INSTRUMENTS.wrap_log(log) is log
    assert NO_INSTRUMENTS.wrap_handler("view.tasks", handler) is handler
    assert NO_INSTRUMENTS.wrap_perform(perform) is perform
    assert NO_INSTRUMENTS.wrap_source("tasks", source) is source


def test_a_request_passes_no_further_middleware() -> None:
    """It is that of an API without tracing."""
    app = create_app(Settings(), OPEN)
    guards: list[Any] = [middleware.cls for middleware in vars(app)["_guards"]]
    assert app.user_middleware == []
    assert guards == [SecurityHeaders, OriginGuard, AdmissionGuard]


def test_nothing_that_records_spans_is_imported() -> None:
    """Neither by the API nor by a worker. redis-py imports the metrics of the SDK where it is installed."""
    script = (
        "import sys, asyncio, api.server, api.cli.worker\n"
        "from api.app import create_app\n"
        "from api.settings import Settings\n"
        "from api.tracing.opening import open_tracing\n"
        "create_app(Settings())\n"
        "asyncio.run(open_tracing(Settings().tracing).__aenter__())\n"
        "parts = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'api.tracing.tracer')\n"
        "print([name for name in sys.modules if name.startswith(parts)])\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


async def test_without_the_extra_a_start_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install, to the API and to a worker."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = Settings(tracing=TracingSettings(endpoint="http://localhost:4318"))
    with pytest.raises(ConfigurationError, match=r"install nerve\[tracing\]"):
        create_app(settings, OPEN)
    with pytest.raises(ConfigurationError, match=r"install nerve\[tracing\]"):
        async with open_tracing(settings.tracing):
            pass
