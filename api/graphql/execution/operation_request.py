"""What a client asks for, as every transport carries it: the one reader of GraphQL requests.

The parameters: https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode

from domain.kernel.errors import ValidationFailed

_MAX_NAMED = 10
"""Operations of a document that a message names."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A document, or what names one, and how to run it.

    `document_name` is the hash or id of a persisted document. `stream_operation_id` names the operation in a
    stream that many share: see `api.transports.single_connection`.
    """

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    document_name: str | None = None
    stream_operation_id: object = None


def read_operation(sent: object) -> OperationRequest:
    """Read the parameters of one request. What is empty or null counts as absent.

    Raises ValidationFailed about the first parameter that is wrong.
    """
    if not isinstance(sent, dict):
        raise ValidationFailed('a request is an object with the GraphQL document in it: {"query": "…"}')
    query, document = _text(sent, "query"), _text(sent, "documentId")
    extensions = _object(sent, "extensions") or {}
    document = _persisted_hash(extensions) or document
    if query is None and document is None:
        raise ValidationFailed(
            "query is missing: send the GraphQL document, or the documentId of a persisted one", ("query",)
        )
    return OperationRequest(
        query,
        _text(sent, "operationName"),
        _object(sent, "variables"),
        document,
        extensions.get("operationId"),
    )


def choose_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of the document that is to be run; raises ValidationFailed where that is not clear."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    for operation in operations:
        if name is not None and operation.name is not None and operation.name.value == name:
            return operation
    raise ValidationFailed(_unclear(operations, name), ("operationName",))


def _unclear(operations: Sequence[OperationDefinitionNode], name: str | None) -> str:
    if not operations:
        return "the document has no operation: add a query, a mutation or a subscription"
    names = [operation.name.value for operation in operations if operation.name]
    listed = ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
    if name is None:
        return f"the document has several operations ({listed}): say with operationName which one to run"
    if not names:
        return (
            f"the document has no operation {name!a}: its operation has no name, so leave operationName out"
        )
    return f"the document has no operation {name!a}; it has {listed}"


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    value = sent.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValidationFailed(f"{name} must be a text", (name,))
    return value


def _object(sent: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = sent.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        raise ValidationFailed(f"{name} must be an object, and not a text that holds JSON", (name,))
    if not isinstance(value, dict):
        raise ValidationFailed(f"{name} must be an object", (name,))
    return value


def _persisted_hash(extensions: Mapping[str, Any]) -> str | None:
    """The hash that names the document: https://www.apollographql.com/docs/apollo-server/performance/apq"""
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
