"""The ASGI application: GraphQL over HTTP, events from outside, the console, health and metrics.

It does not handle WebSockets; uvicorn serves their protocol directly, see `api.server`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from api import console
from api.access.admissions import Admissions
from api.access.callers import OPEN, Authenticator
from api.access.development_tokens import DevelopmentAuthenticator, DevelopmentTokens
from api.access.policy import may_read_metrics
from api.access.tenant_choice import TenantChooser
from api.access.visibility import Visibility
from api.authentication import make_authenticator
from api.console.development_callers import development_token_route
from api.graphql.execution.audited_reads import AuditedReads, audited_types
from api.graphql.execution.executor import Executor
from api.graphql.execution.parsed_documents import document_cache
from api.graphql.execution.parsing_turns import ParsingTurns
from api.graphql.execution.persisted import PersistedDocuments, read_documents
from api.graphql.execution.visible_apis import VisibleApi, VisibleApis
from api.graphql.schema import build_schema
from api.health import check_readiness, unfinished_instances, view_health
from api.ids import now
from api.incoming.event_receiver import EventReceiver
from api.incoming.route import EVENTS, event_route
from api.lifecycle import open_runtime
from api.limits.caller_limits import CallerLimits, OpenedLimits, open_caller_limits
from api.limits.operation_limits import OperationLimits
from api.otlp.route import open_trace_receiver, trace_route
from api.runtime import Runtime
from api.sampling_runtime import sampling
from api.settings import Settings
from api.tracing.api_parts import executor_class, request_middleware
from api.tracing.opening import Tracing, open_tracing
from api.transports.admission_guard import AdmissionGuard, admission_of
from api.transports.application import Application
from api.transports.endpoint import Endpoint
from api.transports.http import METHODS, GraphQLOverHttp
from api.transports.origin_guard import OriginGuard
from api.transports.rejections import respond_with_error
from api.transports.response_formats import JSON
from api.transports.security_headers import SecurityHeaders
from api.transports.sockets.registry import SocketLimits, SocketRegistry
from domain.kernel.errors import Forbidden, NotFound, Unauthenticated

GRAPHQL = "/graphql"
PAGES = ("/", "/graphiql", "/graphiql/", "/console", "/console/")
HEALTH = ("/healthz", "/readyz")
METRICS = "/metrics"
OPEN_PATHS = (*PAGES, *HEALTH)
OPEN_FOLDERS = ("/graphiql/assets/",)
"""What is served without authentication, as it has no data; of a folder, all that lies below it."""


def create_app(
    settings: Settings,
    access: Authenticator | None = None,
    *,
    explain: bool = False,
    development_tokens: DevelopmentTokens | None = None,
    runtime_class: type[Runtime] = Runtime,
) -> Starlette:
    """Return the application. Its lifespan opens the runtime and closes it.

    `access` authenticates requests; by default, as the settings say. With `explain` clients receive the
    text of internal errors, see `failure`. `development_tokens` are accepted too, and GraphiQL gets them.
    `runtime_class`: see `open_runtime`.
    """
    prefixes = ("", settings.path_prefix) if settings.path_prefix else ("",)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_tracing(settings.tracing) as tracing,
            open_runtime(
                settings, runtime_class=runtime_class, make_instruments=tracing.make_instruments
            ) as runtime,
        ):
            authenticator = access or make_authenticator(settings.auth, runtime.access_follower)
            app.state.is_open = authenticator is OPEN
            if development_tokens is not None:
                authenticator = DevelopmentAuthenticator(authenticator, development_tokens)
            apis = _visible_apis(runtime, executor_class(tracing), explain=explain)
            async with _open_endpoint(runtime, apis, authenticator, prefixes) as (endpoint, sockets):
                _attach(app, endpoint, sockets, tracing)
                yield

    routes = _routes(development_tokens)
    # The name of a span is that of its route, which Starlette finds.
    direct = () if settings.tracing is not None else _graphql_paths(prefixes)
    return Application(
        _guards(settings, prefixes),
        dict.fromkeys(direct, GraphQLOverHttp()),
        (*METHODS, "HEAD"),
        lifespan=lifespan,
        exception_handlers={404: _not_found},
        routes=[*(Mount(prefix, routes=routes) for prefix in prefixes if prefix), *routes],
    )


@asynccontextmanager
async def _open_endpoint(
    runtime: Runtime, apis: VisibleApis, authenticator: Authenticator, prefixes: Sequence[str]
) -> AsyncIterator[tuple[Endpoint, SocketRegistry]]:
    """Yield the endpoint with its sockets; inside the context metrics are sampled and access is revoked."""
    async with AsyncExitStack() as stack:
        limits, places = await stack.enter_async_context(_caller_limits(runtime))
        chooser = TenantChooser(authenticator)
        admissions = Admissions(chooser, now, runtime.settings.max_sockets_per_caller, places)
        endpoint = Endpoint.of(runtime, apis, admissions, limits)
        stack.push_async_callback(endpoint.results.close)
        sockets = _sockets(endpoint, prefixes)
        endpoint.connections.own.add(sockets)
        _measure(runtime, sockets, endpoint, limits)
        await stack.enter_async_context(sampling(runtime))
        await stack.enter_async_context(authenticator.watch_revocations(admissions.revoke))
        if runtime.read_audit is not None:
            await stack.enter_async_context(runtime.read_audit.recording())
        yield endpoint, sockets


def _attach(app: Starlette, endpoint: Endpoint, sockets: SocketRegistry, tracing: Tracing) -> None:
    """Give the application the parts that its routes use."""
    runtime = endpoint.runtime
    app.state.runtime, app.state.endpoint, app.state.sockets = runtime, endpoint, sockets
    app.state.tracer = tracing.tracer
    app.state.trace_receiver = open_trace_receiver(runtime)
    app.state.event_receiver = EventReceiver(endpoint, runtime.settings.event_sources)


def _sockets(endpoint: Endpoint, prefixes: Sequence[str]) -> SocketRegistry:
    runtime, settings = endpoint.runtime, endpoint.runtime.settings
    paths, closed = _graphql_paths(prefixes), runtime.metrics.count_closed_socket
    return SocketRegistry(endpoint, _socket_limits(settings), paths, settings.origin_policy, closed)


def _graphql_paths(prefixes: Sequence[str]) -> list[str]:
    """Return the paths of GraphQL, which is served with and without a slash at the end."""
    return [prefix + path for prefix in prefixes for path in (GRAPHQL, f"{GRAPHQL}/")]


def _measure(runtime: Runtime, sockets: SocketRegistry, endpoint: Endpoint, limits: CallerLimits) -> None:
    """Report connections and limits as metrics."""
    runtime.metrics.count_connections("socket", sockets)
    runtime.metrics.count_connections("stream", endpoint.streams)
    runtime.metrics.report_limits(lambda: limits.are_in_memory)


def _caller_limits(runtime: Runtime) -> AbstractAsyncContextManager[OpenedLimits]:
    settings = runtime.settings
    assert settings.redis_url is not None
    return open_caller_limits(
        settings.caller_rates,
        settings.redis_url.get_secret_value(),
        settings.database,
        settings.max_sockets_per_caller,
        runtime.metrics.count_refusal,
        cluster=settings.redis_cluster,
    )


def _visible_apis(runtime: Runtime, make_executor: Callable[..., Executor], *, explain: bool) -> VisibleApis:
    settings, full = runtime.settings, runtime.visibilities.full
    documents, limits = _documents(settings), _operation_limits(settings)
    cache, turns = document_cache(), ParsingTurns()

    def make(visibility: Visibility) -> VisibleApi:
        schema = build_schema(runtime.catalog, runtime.views, visibility)
        executor = make_executor(
            schema,
            documents,
            explain=explain,
            suggest=visibility == full,
            introspect=settings.introspection,
            limits=limits,
            cache=cache,
            metrics=runtime.metrics.executions,
        )
        audit = runtime.read_audit
        reads = None if audit is None else AuditedReads(schema, audited_types(runtime.views), audit)
        return VisibleApi.of(executor, turns, reads)

    return VisibleApis(runtime.visibilities, make)


def _operation_limits(settings: Settings) -> OperationLimits:
    return OperationLimits(
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        cost=settings.max_cost,
        response_bytes=settings.max_response_bytes,
        seconds=settings.operation_timeout,
    )


def _guards(settings: Settings, prefixes: Sequence[str]) -> Sequence[Middleware]:
    """Return what a request passes before an endpoint handles it, from the outside to the inside."""
    pages, health, metrics, open_paths, open_folders, signed_paths = (
        [prefix + path for prefix in prefixes for path in paths]
        for paths in (PAGES, HEALTH, (METRICS,), OPEN_PATHS, OPEN_FOLDERS, (EVENTS,))
    )
    cookie = None if settings.auth is None else settings.auth.cookie
    return [
        *request_middleware(settings.tracing, untraced=[*health, *metrics]),
        Middleware(SecurityHeaders, tls=settings.tls_cert is not None),
        Middleware(OriginGuard, policy=settings.origin_policy, pages=pages, open_hosts=health),
        Middleware(
            AdmissionGuard,
            open_paths=open_paths,
            open_folders=open_folders,
            signed_paths=signed_paths,
            cookie=cookie,
        ),
    ]


def _routes(development_tokens: DevelopmentTokens | None) -> list[BaseRoute]:
    tokens = [] if development_tokens is None else [development_token_route(development_tokens)]
    return [
        # Redirecting to the path without a slash would break preflights and clients that follow no redirects.
        *(Route(path, GraphQLOverHttp(), methods=METHODS) for path in (GRAPHQL, f"{GRAPHQL}/")),
        event_route(),
        # Relative, because a proxy may serve the application under a prefix that it removes.
        Route("/", lambda _request: RedirectResponse("graphiql")),
        Route("/healthz", lambda _request: JSONResponse({"alive": True})),
        Route("/readyz", _readyz),
        Route(METRICS, _metrics),
        trace_route(),
        *tokens,
        *console.routes(GRAPHQL, token_path=tokens[0].path if tokens else ""),
    ]


async def _not_found(request: Request, _error: Exception) -> Response:
    """Return the error of a path that the server does not have, with those that it has."""
    error = NotFound(
        f"there is nothing at {request.url.path}; GraphQL is at {GRAPHQL}, GraphiQL at {PAGES[1]}, "
        f"the console at {PAGES[3]}, health at {' and '.join(HEALTH)}"
    )
    body = {"errors": [{"message": str(error), "extensions": {"code": error.code}}]}
    return JSONResponse(body, status_code=404)


def _documents(settings: Settings) -> PersistedDocuments:
    path = settings.trusted_documents
    return PersistedDocuments(read_documents(path) if path else {}, settings.only_trusted_documents)


def _socket_limits(settings: Settings) -> SocketLimits:
    return SocketLimits(
        max_message=settings.max_body_bytes,
        max_outstanding=settings.max_outstanding_bytes,
        max_operations=settings.max_operations,
        max_sockets=settings.max_sockets,
        max_operation_rate=settings.max_operation_rate,
        max_frame_rate=settings.max_frame_rate,
        init_timeout=settings.init_timeout,
        ping_interval=settings.ping_interval,
    )


async def _readyz(request: Request) -> Response:
    readiness = await check_readiness(request.app.state.runtime)
    body: dict[str, object] = {"ready": readiness.ready}
    if request.app.state.is_open:
        body["missing"] = list(readiness.missing)
    return JSONResponse(body, 200 if readiness.ready else 503)


async def _metrics(request: Request) -> Response:
    caller = admission_of(request).caller
    if not may_read_metrics(caller):
        needed = "metrics need the role metrics or deployment, as they count for all tenants"
        error = Unauthenticated(needed) if caller.subject is None else Forbidden(needed)
        return respond_with_error(error, JSON)
    runtime: Runtime = request.app.state.runtime
    cursors = {
        "log": runtime.feed.cursors,
        **{name: parts.tail.cursors for name, parts in runtime.view_parts.items()},
    }
    health, instances = await asyncio.gather(view_health(runtime), unfinished_instances(runtime))
    runtime.metrics.processes.show_instances(instances)
    text = runtime.metrics.scrape(health, cursors)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
