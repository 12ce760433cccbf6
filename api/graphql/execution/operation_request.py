"""The request of one operation: how all transports read it.

The parameters: https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode

from domain.kernel.errors import ValidationFailed

_MAX_NAMED = 10
"""Operations of a document that an error message lists."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A document, or the name of a persisted one, with the operation to run and its variables.

    `document_name` is the hash or id of a persisted document. `stream_operation_id` identifies the operation
    in a stream that several share: see `api.transports.single_connection`. With `shows_cost` the response
    contains what the operation cost.
    """

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    document_name: str | None = None
    stream_operation_id: object = None
    shows_cost: bool = False


def read_operation(parameters: object) -> OperationRequest:
    """Read the parameters of one request; raises ValidationFailed about the first one that is wrong.

    A parameter that is empty or null counts as absent.
    """
    if not isinstance(parameters, dict):
        raise ValidationFailed('the request must be an object with a GraphQL document: {"query": "…"}')
    query, document = _text(parameters, "query"), _text(parameters, "documentId")
    extensions = _object(parameters, "extensions") or {}
    document = _persisted_hash(extensions) or document
    if query is None and document is None:
        raise ValidationFailed(
            "query is missing: send the GraphQL document, or the documentId of a persisted one", ("query",)
        )
    return OperationRequest(
        query,
        _text(parameters, "operationName"),
        _object(parameters, "variables"),
        document,
        extensions.get("operationId"),
        extensions.get("cost") is True,
    )


def choose_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation to run; raises ValidationFailed where the document or `name` leaves it open."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    for operation in operations:
        if name is not None and operation.name is not None and operation.name.value == name:
            return operation
    raise ValidationFailed(_explain_choice(operations, name), ("operationName",))


def _explain_choice(operations: Sequence[OperationDefinitionNode], name: str | None) -> str:
    if not operations:
        return "the document has no operation: add a query, a mutation or a subscription"
    names = [operation.name.value for operation in operations if operation.name]
    listed = ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
    if name is None:
        return f"the document has several operations ({listed}); choose one with operationName"
    if not names:
        return (
            f"the document has no operation {name!a}; its only operation has no name, so omit operationName"
        )
    return f"the document has no operation {name!a}; it has {listed}"


def _text(parameters: Mapping[str, Any], name: str) -> str | None:
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValidationFailed(f"{name} must be a text", (name,))
    return value


def _object(parameters: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        raise ValidationFailed(f"{name} must be an object, not a text with JSON", (name,))
    if not isinstance(value, dict):
        raise ValidationFailed(f"{name} must be an object", (name,))
    return value


def _persisted_hash(extensions: Mapping[str, Any]) -> str | None:
    """Return the hash of the document: https://www.apollographql.com/docs/apollo-server/performance/apq"""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    path = ("extensions", "persistedQuery")
    if not isinstance(persisted, dict):
        raise ValidationFailed("extensions.persistedQuery must be an object", path)
    version, sha256 = persisted.get("version"), persisted.get("sha256Hash")
    if type(version) is not int or version != 1:
        raise ValidationFailed("extensions.persistedQuery.version must be 1", (*path, "version"))
    if not isinstance(sha256, str) or not sha256:
        raise ValidationFailed("extensions.persistedQuery.sha256Hash must be a text", (*path, "sha256Hash"))
    return sha256
