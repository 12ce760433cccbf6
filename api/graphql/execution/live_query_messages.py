"""The messages of a live query: its results, encoded whole or as the changes from the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import GraphQLError

from api.encoding import LiveResult, encode, encode_to_keep, live_result
from api.graphql.error_bodies import error_body
from api.graphql.execution.message_writers import SubscriptionSelection
from api.graphql.execution.selection_tree import ResponseField
from domain.kernel.errors import NerveError, ValidationFailed
from eventstore.history.diff import Operation, diff
from eventstore.place import Place
from projections.live.query_messages import QueryResult
from subscriptions.live.messages import StatusMessage

MESSAGE_TYPE = "LiveResult"

MAX_PATCHED_BYTES = 262_144
"""Size of a result up to which patches are made: a comparison of long lists would block the event loop."""


@dataclass(frozen=True, slots=True)
class QueryContent:
    """A result of a query as JSON: the value of `query`, and the errors.

    Each error that is masked has a trace id of its own; `problems` are the errors without them.
    """

    query: bytes
    problems: bytes
    errors: Sequence[Mapping[str, Any]] = field(compare=False)

    @classmethod
    def of(cls, query: object, errors: Sequence[Mapping[str, Any]]) -> QueryContent:
        """Return the content of a result."""
        return cls(encode_to_keep(query), encode(list(map(_without_trace_id, errors))), errors)


class LiveQueryRefused(NerveError):
    """A live query cannot be executed as it is; `errors` are those of its execution."""

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__("a live query was refused")
        self.errors = errors


class MessageShape:
    """What a document selects of the messages of its live query, under which names.

    Raises ValidationFailed if it does not select `query` once, or no `patch` although it asks for patches.
    """

    def __init__(self, selection: SubscriptionSelection, *, sends_patches: bool) -> None:
        root = selection.schema.subscription_type
        assert root is not None
        [live] = selection.tree.collect([selection.root], root, selection.variables)
        message: Any = selection.schema.type_map[MESSAGE_TYPE]
        self._root_name = live.name
        self._fields = selection.tree.collect(live.selections, message, selection.variables)
        queries = [field for field in self._fields if field.field_name == "query"]
        if len(queries) != 1:
            raise ValidationFailed(
                f"`live` needs the field `query` once, not {len(queries)} times", ("live",)
            )
        if sends_patches and not any(field.field_name == "patch" for field in self._fields):
            raise ValidationFailed("with format PATCH, select `patch` beside `query`", ("live",))
        self.query: ResponseField = queries[0]

    def query_value(self, data: Mapping[str, Any]) -> Any:
        """Return the value of `query` in the data of an execution."""
        return data[self._root_name][self.query.name]

    def message(self, values: Mapping[str, object], errors: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the encoded message with these values of the fields of `LiveResult`."""
        live = {field.name: values[field.field_name] for field in self._fields}
        body: dict[str, Any] = {"data": {self._root_name: live}}
        if errors:
            body["errors"] = errors
        return encode(body)


class LiveQueryRenderer:
    """Renders the results of one live query for all its subscribers. `seal` hides the place of a result."""

    def __init__(self, shape: MessageShape, seal: Callable[[Place], str], *, sends_patches: bool) -> None:
        self._shape = shape
        self._seal = seal
        self._sends_patches = sends_patches

    def render(self, message: QueryResult[QueryContent] | StatusMessage) -> LiveResult:
        assert isinstance(message, QueryResult), "a topic of a live query has no other messages"
        content, patch = message.content, self._patch(message)
        position = self._seal(message.place)
        values = {
            "__typename": MESSAGE_TYPE,
            "position": position,
            "query": orjson.Fragment(content.query) if patch is None else None,
            "patch": None if patch is None else orjson.Fragment(patch),
        }
        return live_result(self._shape.message(values, content.errors), position)

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        if isinstance(error, LiveQueryRefused):
            return error.errors
        return [error_body(GraphQLError(str(error), original_error=error))]

    def _patch(self, result: QueryResult[QueryContent]) -> bytes | None:
        """Return the patch from the result before, encoded; None to send the whole result instead."""
        before, content = result.before, result.content
        if not self._sends_patches or before is None or before.errors or content.errors:
            return None
        if len(content.query) > MAX_PATCHED_BYTES:
            return None
        patch = orjson.dumps(json_patch(before.query, content.query))
        return patch if len(patch) < len(content.query) else None


def json_patch(before: bytes, after: bytes) -> list[dict[str, Any]]:
    """Return the JSON Patch (RFC 6902) from one encoded value to another."""
    return [
        {"op": change.operation, "path": change.path}
        | ({} if change.operation is Operation.REMOVE else {"value": change.after})
        for change in diff(orjson.loads(before), orjson.loads(after))
    ]


def _without_trace_id(error: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = {name: value for name, value in error["extensions"].items() if name != "traceId"}
    return {**error, "extensions": extensions}
