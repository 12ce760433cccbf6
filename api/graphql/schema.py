"""The GraphQL schema, derived from the registered contexts and views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from graphql import GraphQLSchema, get_nullable_type, print_schema

from api.access.visibility import Visibilities, Visibility
from api.contexts import processes_in
from api.graphql.declare import declare, output_field
from api.graphql.fields.command_subscription import command_field
from api.graphql.fields.connection_fields import connection_fields
from api.graphql.fields.consumer_status import consumers_field
from api.graphql.fields.context_map import context_map_field
from api.graphql.fields.cost_currency import cost_currency_field
from api.graphql.fields.dead_letter_queries import dead_letter_fields
from api.graphql.fields.deployment_status import deployment_status_field
from api.graphql.fields.entity_history import history_fields
from api.graphql.fields.event_log import event_fields, event_type
from api.graphql.fields.filter_inputs import filter_input, order_input
from api.graphql.fields.key_uses import key_uses_field
from api.graphql.fields.link_fields import ViewTypes, add_links
from api.graphql.fields.live_query import live_query_field
from api.graphql.fields.mutations import ContextViews, mutation
from api.graphql.fields.node_query import node
from api.graphql.fields.process_attempts import process_attempts_field
from api.graphql.fields.process_mutations import bulk_mutations
from api.graphql.fields.recent_metrics import recent_metrics_field
from api.graphql.fields.row_history import past_fields
from api.graphql.fields.row_metadata import meta_field
from api.graphql.fields.tenant_queries import tenant_fields
from api.graphql.fields.trace_fields import trace_fields
from api.graphql.fields.view_queries import list_query, row_query
from api.graphql.fields.view_status import rebuild_fields
from api.graphql.fields.view_subscriptions import MessageTypes, subscriptions
from api.graphql.fields.viewer import viewer_field
from api.graphql.fields.webhook_queries import webhook_fields
from api.graphql.identity import check_ids, id_look_up
from api.graphql.link_checks import check_links
from api.graphql.plain_values import use_plain_values
from api.graphql.root_fields import RootFields
from api.graphql.scalars import SCALARS
from api.graphql.strawberry_internals import Field, build_core_schema
from api.graphql.type_map import TypeMap
from api.graphql.visible_views import visible_views
from domain.kernel import Catalog, Command
from domain.process.commands import INSTANCE_COMMANDS
from projections.builtin.api_keys import NAME as API_KEYS
from projections.builtin.processes import NAME as PROCESSES
from projections.builtin.webhooks import NAME as WEBHOOKS
from projections.kernel.view import View

NODE_ID = "An id that is unique among all nodes."
ROW_ID = "The id of the row. A past state of the row has another id; `_meta.key` is the same for both."


RUNS = "runs"
"""The view of the runs of agents, if it is among those of the settings."""


class SchemaBuilder:
    """Collects the root fields of all views and commands that exist with a visibility.

    Mutations of a context return its entity, which is the view that is named after the context's category.
    """

    def __init__(self, catalog: Catalog, views: Sequence[View[Any]], visibility: Visibility) -> None:
        self._types = TypeMap()
        self._catalog = catalog
        self._visibility = visibility
        check_links(views)
        self._views = visible_views(views, visibility)
        # Operators may wait for views whose rows they cannot read.
        self._awaitable = views if visibility.may_operate else self._views
        self._entities = {view.context.category: view for view in self._views if view.is_entity}
        self._roots = {root: RootFields(root) for root in ("Query", "Mutation", "Subscription")}
        self._interface = declare(
            "Node",
            [output_field("id", strawberry.ID, NODE_ID)],
            "A row of a view, an event, or a dead letter.",
            is_interface=True,
        )
        self._messages = MessageTypes(self._types)
        self._processes = frozenset(context.category for context in processes_in(catalog))

    def build(self) -> GraphQLSchema:
        """Return the schema that graphql-core runs; raises DeclarationError where names clash."""
        rows = {view.name: self._row(view) for view in self._views}
        shapes = {view.name: self._shape(view, rows[view.name]) for view in self._views}
        add_links(shapes, self._types)
        if self._views or self._visibility.events or self._visibility.may_operate:
            letters = self._visibility.may_operate
            self._add("Query", node(self._views, self._interface, with_dead_letters=letters))
        for shape in shapes.values():
            self._add_view(shape)
        self._add_commands(shapes, rows)
        self._add_log_fields()
        if API_KEYS in shapes:
            self._add("Query", key_uses_field())
        if RUNS in shapes:
            self._add("Query", cost_currency_field())
        if WEBHOOKS in shapes:
            for field in webhook_fields(self._types):
                self._add("Query", field)
        self._add_deployment_fields()
        self._add("Query", viewer_field())
        return self._schema(list(rows.values()))

    def _row(self, view: View[Any]) -> Any:
        the_id = output_field("id", strawberry.ID, ROW_ID, resolver=id_look_up(view))
        fields = [
            the_id if field.python_name == "id" else field
            for field in self._types.row_fields(view.row)
            if field.python_name not in self._visibility.hidden_in(view)
        ]
        fields.append(meta_field(view, self._types))
        text, name = view.description or None, view.type_name
        return self._types.claim(
            name, view, lambda: declare(name, fields, text, interfaces=(self._interface,))
        )

    def _event(self) -> Any:
        """Return ``Event``; None where no type of event exists."""
        if not self._visibility.events:
            return None
        return event_type(self._types, self._messages, self._interface)

    def _shape(self, view: View[Any], row: Any) -> ViewTypes:
        return ViewTypes(view, row, filter_input(view, self._types), order_input(view, self._types))

    def _add_view(self, shape: ViewTypes) -> None:
        view, row, filters, orders = shape
        hidden = self._visibility.hidden_in(view)
        self._roots["Query"].add(row_query(view, row, self._types), view)
        self._roots["Query"].add(list_query(view, row, filters, orders, self._types), view)
        for field in past_fields(view, row, self._event(), self._types, hidden):
            self._roots["Query"].add(field, view)
        for field in subscriptions(view, row, filters, self._messages, hidden):
            self._roots["Subscription"].add(field, view)

    def _add_commands(self, shapes: Mapping[str, ViewTypes], rows: Mapping[str, Any]) -> None:
        visible = self._visibility.commands
        for context in self._catalog.contexts:
            own = [
                command
                for command in context.commands
                if command in visible and command not in context.shared_commands
            ]
            self._add_mutations(own, context.category, self._entities.get(context.category), rows)
        if self._processes and PROCESSES in shapes:
            shared = [command for command in INSTANCE_COMMANDS if command in visible]
            self._add_processes(shared, shapes[PROCESSES], rows)

    def _add_mutations(
        self,
        commands: Sequence[type[Command]],
        category: str,
        entity: View[Any] | None,
        rows: Mapping[str, Any],
    ) -> None:
        projections = ContextViews(category, entity, self._awaitable)
        row = None if entity is None else rows[entity.name]
        for command in commands:
            self._roots["Mutation"].add(mutation(command, projections, row, self._types), command)

    def _add_processes(
        self, commands: Sequence[type[Command]], shape: ViewTypes, rows: Mapping[str, Any]
    ) -> None:
        """Add what shows and operates instances of any process, beside their view."""
        self._add_mutations(commands, "", shape.view, rows)
        for field in bulk_mutations(shape.view, shape.filters, commands):
            self._add("Mutation", field)
        self._add("Query", process_attempts_field(shape.view))

    def _add_log_fields(self) -> None:
        """Add what reads the log, and what operators see."""
        fields: list[tuple[str, Field]] = []
        if self._visibility.events:
            query, subscription = event_fields(self._types, self._event(), self._messages)
            fields += [("Query", query), ("Subscription", subscription)]
        if self._visibility.may_operate:
            query, subscription = trace_fields(self._types, self._messages)
            fields += [("Query", query), ("Subscription", subscription)]
            fields += [("Query", field) for field in dead_letter_fields(self._types, self._interface)]
        if self._has_histories():
            fields += [("Query", field) for field in history_fields(self._catalog, self._types)]
        if self._visibility.crosses_tenants:
            fields += rebuild_fields()
            fields += connection_fields()
            fields += [("Query", field) for field in (consumers_field(), *tenant_fields())]
        if self._visibility.commands:
            with_processes = bool(self._processes) and self._visibility.may_operate
            command = command_field(self._types, self._messages, with_processes=with_processes)
            fields.append(("Subscription", command))
        for root, field in fields:
            self._add(root, field)

    def _add_deployment_fields(self) -> None:
        """Add what shows the declarations and the state of the deployment."""
        visibility = self._visibility
        if visibility.may_operate or visibility.crosses_tenants:
            self._add("Query", context_map_field(self._catalog, self._views, visibility, self._types))
        if visibility.reads_metrics:
            self._add("Query", recent_metrics_field(self._types))
        if visibility.crosses_tenants:
            self._add("Query", deployment_status_field())

    def _has_histories(self) -> bool:
        """Return whether all types of events of one context exist: a history shows every event."""
        visible = self._visibility.events
        return any(
            all(event.type in visible for event in context.events) for context in self._catalog.contexts
        )

    def _add(self, root: str, field: Field) -> None:
        self._roots[root].add(field)

    def _schema(self, rows: Sequence[Any]) -> GraphQLSchema:
        query = declare("Query", self._roots["Query"].fields)
        if self._views:
            self._add("Subscription", live_query_field(query))
        others = {name: self._roots[name].fields for name in ("Mutation", "Subscription")}
        roots = {"Query": query, **{name: declare(name, fields) for name, fields in others.items() if fields}}
        schema = build_core_schema(roots, rows, SCALARS)
        use_plain_values(schema, self._types.typenames)
        _isolate_root_fields(schema)
        check_ids(schema)
        return schema


def _isolate_root_fields(schema: GraphQLSchema) -> None:
    """Make the fields of queries and mutations nullable, so that an error removes one field alone."""
    for root in (schema.query_type, schema.mutation_type):
        for field in root.fields.values() if root else ():
            field.type = get_nullable_type(field.type)


def build_schema(
    catalog: Catalog, views: Sequence[View[Any]], visibility: Visibility | None = None
) -> GraphQLSchema:
    """Return the GraphQL schema of these contexts and views, by default everything."""
    return SchemaBuilder(catalog, views, visibility or Visibilities(catalog, views).full).build()


def print_api(catalog: Catalog, views: Sequence[View[Any]]) -> str:
    """Return the schema in GraphQL's schema language, as ``api/schema.graphql`` contains it."""
    return print_schema(build_schema(catalog, views)) + "\n"
