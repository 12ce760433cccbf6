"""The operations of docs/documents.md, on a running nerve."""

from __future__ import annotations

from tests.helpers.documentation import operation
from tests.helpers.served_api import Served

DOCUMENT = "query ($id: ID!) { document(id: $id) { title content } }"


def test_the_versions_of_a_deleted_document_stay_readable(served: Served) -> None:
    """The document itself is gone, and gets no further command."""
    created = served.do("createDocument", title="Plan", content={"a": 1})["stream"]
    served.do("patchDocument", id=created, patch={"a": 2})
    served.do("deleteDocument", id=created, reason="superseded")
    assert served.ask(DOCUMENT, id=created)["document"] is None
    result = served.ask(operation("OneVersion"), id=created)
    assert [each["types"] for each in result["versions"]][-1] == ["document.deleted"]
    assert result["stateAt"]["state"]["content"] == {"a": 2}
    assert result["diff"] == [{"operation": "REPLACE", "path": "/content/a", "before": 1, "after": 2}]
    restore = "mutation ($id: ID!) { restoreDocument(input: {id: $id, version: 1}) { receipt { version } } }"
    assert served.refused(restore, id=created)["extensions"]["code"] == "NOT_FOUND"


def test_a_copy_is_merged_by_its_rules(served: Served) -> None:
    """Without a rule for what both sides changed, all its paths are named."""
    content = {"tags": ["a", "b"], "note": "x", "steps": {"one": 1, "two": 2}}
    created = served.do("createDocument", title="Plan", content=content)["stream"]
    theirs = {"tags": ["a", "b", "c"], "note": "theirs", "steps": {"two": 3}}
    served.do("patchDocument", id=created, patch=theirs)
    yours = {"tags": ["b", "d"], "note": "yours", "steps": {"one": 9, "two": 2}}
    merged = served.ask(operation("MergeCopy"), id=created, content=yours)["mergeDocument"]["document"]
    assert merged["content"] == {"tags": ["b", "c", "d"], "note": "yours", "steps": {"one": 9, "two": 3}}
    clash = {**yours, "steps": {"one": 1, "two": 5}}
    extensions = served.refused(operation("MergeCopy"), id=created, content=clash)["extensions"]
    assert (extensions["code"], extensions["paths"]) == ("CONCURRENCY_CONFLICT", ["/content/steps/two"])
