"""What authentication, a row rule and limits cost: the same requests, with and without them.

The limit is nerve itself without them, on the same data and in the same run.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, repeat
from uuid import uuid4

from api.settings import Settings
from domain.workflows.events import WorkflowStatus
from tests.bench.commands import CALLERS, MUTATION, is_stored
from tests.bench.data import prepare_rows
from tests.bench.fanout.contests import FEW, NERVE, Broadcast
from tests.bench.harness import Benchmark, Contender, Contest, Figure
from tests.bench.load import ask, load, post
from tests.bench.machine import Machine
from tests.bench.queries import CONNECTIONS, SECONDS
from tests.bench.read_operations import HUNDRED_IDS, SAME_PAGE, ReadOperation
from tests.bench.read_servers import nerve_cursor
from tests.helpers.tokens import AUDIENCE, ISSUER, SECRET, make_token

_HIGH = 1_000_000
"""A limit that is checked and never reached."""

_VIEW = "projections.views.workflows"


def secured_environment() -> Mapping[str, str]:
    """Return the settings of a nerve with authentication, a row rule on workflows, and limits."""
    contexts: Sequence[str] = Settings.model_fields["contexts"].default
    return {
        "NERVE_AUTH": json.dumps({"issuer": ISSUER, "audience": AUDIENCE, "claims": ["statuses"]}),
        "NERVE_AUTH__SECRET": SECRET,
        "NERVE_CONTEXTS": ",".join(
            "tests.bench.secured_workflows" if name == _VIEW else name for name in contexts
        ),
        "NERVE_RATES": json.dumps(
            dict.fromkeys(("per_caller", "per_tenant", "operations", "handshakes"), _HIGH)
        ),
        "NERVE_MAX_SOCKETS_PER_CALLER": str(_HIGH),
    }


def secured_token() -> str:
    """Return a token whose caller sees all workflows by the row rule, and may send commands about them."""
    statuses = [status.value for status in WorkflowStatus]
    return make_token(roles=("editor",), expires_in=86_400, statuses=statuses)


@dataclass(frozen=True, slots=True)
class SecuredReads:
    """A query that both answer with the same bytes."""

    operation: ReadOperation

    @asynccontextmanager
    async def contest(self, machine: Machine) -> AsyncIterator[Contest]:
        """Serve both on the same rows."""
        environment = machine.settings(await prepare_rows(machine))
        token, secured = secured_token(), {**environment, **secured_environment()}
        with ExitStack() as stack:
            open_port = stack.enter_context(machine.serving("nerve", environment))
            port = stack.enter_context(machine.serving("nerve", secured))
            plain = self.operation.requests(nerve_cursor)
            signed = self.operation.requests(nerve_cursor, token)
            answers = [await ask(open_port, request) for request in plain]
            if answers != [await ask(port, request) for request in signed]:
                raise RuntimeError("the two do not answer with the same bytes")

            def contender(name: str, port: int, requests: Sequence[bytes]) -> Contender:
                turning, known = cycle(requests), frozenset(answers)

                async def turn() -> Figure:
                    return await load(port, turning, CONNECTIONS, SECONDS, known.__contains__)

                return Contender(name, turn)

            yield Contest(
                contender("with authentication, a row rule and limits", port, signed),
                contender("without them", open_port, plain),
            )


@asynccontextmanager
async def _commands(machine: Machine) -> AsyncIterator[Contest]:
    body, token = {"query": MUTATION, "variables": {"input": {"name": "Invoice"}}}, secured_token()
    with ExitStack() as stack:

        def contender(name: str, request: bytes, **more: str) -> Contender:
            environment = {**machine.settings(f"secured_{uuid4().hex}"), **more}
            port = stack.enter_context(machine.serving("nerve", environment))
            turn = partial(load, port, repeat(request), CALLERS, SECONDS, is_stored)
            return Contender(name, turn)

        yield Contest(
            contender("with authentication and limits", post(body, token), **secured_environment()),
            contender("without them", post(body)),
        )


@asynccontextmanager
async def _broadcast(machine: Machine) -> AsyncIterator[Contest]:
    broadcast = Broadcast(FEW)
    secured = NERVE._replace(
        name="with authentication and limits", token=secured_token(), environment=secured_environment()
    )
    async with AsyncExitStack() as stack:
        yield Contest(
            await broadcast.contender(secured, machine, stack),
            await broadcast.contender(NERVE._replace(name="without them"), machine, stack),
        )


BENCHMARKS = (
    Benchmark(
        "secured.list20",
        "requests/s",
        "a list of 20, secured and open",
        SecuredReads(SAME_PAGE).contest,
    ),
    Benchmark(
        "secured.byid",
        "requests/s",
        "one object by its id, secured and open",
        SecuredReads(HUNDRED_IDS).contest,
    ),
    Benchmark("secured.commands", "mutations/s", "mutations over HTTP, secured and open", _commands),
    Benchmark(
        "secured.paced.500", "deliveries/s", f"one event to {FEW} subscribers, secured and open", _broadcast
    ),
)
