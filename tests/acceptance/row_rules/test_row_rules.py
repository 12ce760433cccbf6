"""Each query shows a caller exactly the rows that the rules of the views allow it."""

from __future__ import annotations

from typing import Any

from tests.helpers.paper_api import PaperApi, Reader

TITLES = "papers(orderBy: {field: TITLE}) { totalCount nodes { title } }"
HISTORY = """query ($id: ID!, $first: Int, $last: Int) { paperHistory(id: $id, first: $first, last: $last) {
  pageInfo { hasNextPage hasPreviousPage }
  nodes { changedFields before { title owner } after { title owner } } } }"""
WHY = "query ($id: ID!) { paperWhy(id: $id, field: TITLE) { value before event { type } } }"


def titles(reader: Reader, arguments: str = "", **variables: Any) -> list[str]:
    """Return the titles of a list of papers, of which the count says the same."""
    listed = reader.ask(f"{{ papers{arguments} {{ totalCount nodes {{ title }} }} }}", **variables)
    found = sorted(row["title"] for row in listed["nodes"])
    assert listed["totalCount"] == len(found)
    return found


def test_a_single_row_of_another_caller_is_as_if_it_did_not_exist(
    api: PaperApi, ann: Reader, bob: Reader
) -> None:
    """By its id, at least as of a position, and as a node."""
    paper = api.paper("ann")
    position = api.position()
    for query in (
        "query ($id: ID!) { paper(id: $id) { title } }",
        f'query ($id: ID!) {{ paper(id: $id, atLeast: "{position}") {{ title }} }}',
        "query ($id: ID!) { node(id: $id) { id ... on Paper { title } } }",
    ):
        assert ann.ask(query, id=paper)["title"] == "Plan"
        assert bob.ask(query, id=paper) == bob.ask(query, id="paper-none") is None


def test_lists_and_counts_have_the_rows_of_the_caller(api: PaperApi, ann: Reader, bob: Reader) -> None:
    """Owned, shared, of its team and public ones; also of those that a filter or a search matches."""
    for owner, title, fields in (
        ("ann", "A1", {}), ("ann", "A2", {"team": "red"}), ("bob", "B1", {"readers": ["ann", "eve"]}),
        ("bob", "B2", {}), ("everybody", "E1", {}),
    ):  # fmt: skip
        api.paper(owner, f"Paper {title}", **fields)
    red, eve = api.reader("cy", team=("red", "$ne")), api.reader("eve", team="blue")
    assert titles(ann) == ["Paper A1", "Paper A2", "Paper B1", "Paper E1"]
    assert titles(bob) == ["Paper B1", "Paper B2", "Paper E1"]
    assert titles(red) == ["Paper A2", "Paper E1"]
    assert titles(eve) == ["Paper B1", "Paper E1"]
    assert len(titles(api.root)) == 5
    assert titles(bob, '(filter: {title: {in: ["Paper A1", "Paper B2"]}})') == ["Paper B2"]
    assert titles(bob, '(filter: {not: {title: {eq: "Paper B2"}}})') == ["Paper B1", "Paper E1"]
    assert titles(bob, '(search: "paper")') == ["Paper B1", "Paper B2", "Paper E1"]
    assert titles(bob, '(search: "paper -B1")') == ["Paper B2", "Paper E1"]
    assert titles(api.reader("{'$gt': ''}", team="$exists")) == ["Paper E1"]


def test_pages_show_nothing_of_hidden_rows_on_either_side(api: PaperApi, ann: Reader, bob: Reader) -> None:
    """Also with the cursor of another caller, which gives access to nothing."""
    for title in ("1", "3", "5"):
        api.paper("bob", title)
    for title in ("2", "4"):
        api.paper("ann", title)
    query = """query ($first: Int, $after: String, $last: Int, $before: String) {
      papers(orderBy: {field: TITLE}, first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage } } }"""

    def page(reader: Reader, **arguments: Any) -> tuple[list[str], bool, bool]:
        found = reader.ask(query, **arguments)
        info = found["pageInfo"]
        shown = [edge["node"]["title"] for edge in found["edges"]]
        return shown, info["hasPreviousPage"], info["hasNextPage"]

    edges = bob.ask(query, first=9)["edges"]
    assert [edge["node"]["title"] for edge in edges] == ["1", "3", "5"]
    first, middle, last = (edge["cursor"] for edge in edges)
    assert page(ann, first=1) == (["2"], False, True)
    assert page(ann, last=1) == (["4"], True, False)
    assert page(ann, first=1, after=first) == (["2"], False, True), "1 is hidden, so nothing precedes"
    assert page(ann, first=1, after=middle) == (["4"], True, False)
    assert page(ann, first=1, after=last) == ([], True, False)
    assert page(ann, last=1, before=last) == (["4"], True, False), "5 is hidden, so nothing follows"
    assert page(ann, last=1, before=middle) == (["2"], False, True)


def test_links_show_rows_by_the_rule_of_their_own_view(api: PaperApi, ann: Reader, bob: Reader) -> None:
    """To one row, to many rows with their sides and counts, and links of links."""
    folder = api.folder("ann")
    owners = (("ann", "1"), ("bob", "2"), ("ann", "3"), ("bob", "4"))
    papers = [api.paper(owner, title, folderId=folder) for owner, title in owners]
    query = """{ papers(orderBy: {field: TITLE}, first: 1) { nodes { title folder { title
      papers(orderBy: {field: TITLE}, first: 1) { totalCount nodes { title folder { title } }
        pageInfo { hasNextPage endCursor } } } } } }"""
    [row] = ann.ask(query)["nodes"]
    linked = row["folder"]["papers"]
    assert linked["totalCount"] == 2
    assert linked["nodes"] == [{"title": "1", "folder": {"title": "Folder of ann"}}]
    assert linked["pageInfo"]["hasNextPage"]
    assert bob.ask(query)["nodes"] == [{"title": "2", "folder": None}]
    after = """query ($id: ID!, $after: String, $before: String) { folder(id: $id) {
      papers(orderBy: {field: TITLE}, after: $after, before: $before) {
        nodes { title } pageInfo { hasNextPage hasPreviousPage } } } }"""
    cursors = [
        edge["cursor"]
        for edge in api.root.ask(
            "query ($id: ID!) { folder(id: $id) { papers(orderBy: {field: TITLE}) { edges { cursor } } } }",
            id=folder,
        )["papers"]["edges"]
    ]
    rest = ann.ask(after, id=folder, after=cursors[1])["papers"]
    assert [row["title"] for row in rest["nodes"]] == ["3"]
    assert rest["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True}
    api.do("givePaper", id=papers[0], owner="bob")
    rest = ann.ask(after, id=folder, after=cursors[1])["papers"]
    assert rest["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": False}, "what precedes is hidden"


def test_an_aggregated_row_belongs_to_a_caller_too(api: PaperApi, ann: Reader, bob: Reader) -> None:
    for owner in ("ann", "ann", "bob"):
        api.paper(owner)
    query = "{ paperCounts { totalCount nodes { owner papers } } }"
    assert ann.ask(query) == {"totalCount": 1, "nodes": [{"owner": "ann", "papers": 2}]}
    assert bob.ask(query) == {"totalCount": 1, "nodes": [{"owner": "bob", "papers": 1}]}


def test_the_past_shows_a_row_to_those_who_could_see_it_then(api: PaperApi, ann: Reader, bob: Reader) -> None:
    """Single rows, nodes, lists, counts and links as of a position."""
    folder = api.folder("ann")
    paper = api.paper("ann", "Mine", folderId=folder)
    other = api.paper("bob", "Other", folderId=folder)
    then = api.position()
    api.do("givePaper", id=paper, owner="bob")
    api.do("givePaper", id=other, owner="ann")
    one = "query ($id: ID!, $then: Position!) { paper(id: $id, asOf: {position: $then}) { id title } }"
    many = """query ($then: Position!) { papers(asOf: {position: $then}) { totalCount nodes { title
      folder { title papers { totalCount nodes { title } } } } } }"""
    seen = ann.ask(one, id=paper, then=then)
    assert seen["title"] == "Mine"
    assert bob.ask(one, id=paper, then=then) is None
    assert ann.ask("query ($id: ID!) { node(id: $id) { id } }", id=seen["id"]) == {"id": seen["id"]}
    assert bob.ask("query ($id: ID!) { node(id: $id) { id } }", id=seen["id"]) is None
    links = {"title": "Folder of ann", "papers": {"totalCount": 1, "nodes": [{"title": "Mine"}]}}
    assert ann.ask(many, then=then) == {"totalCount": 1, "nodes": [{"title": "Mine", "folder": links}]}
    assert bob.ask(many, then=then) == {"totalCount": 1, "nodes": [{"title": "Other", "folder": None}]}
    assert titles(ann) == ["Other"]


def test_a_history_shows_only_the_versions_that_the_caller_could_see(
    api: PaperApi, ann: Reader, bob: Reader
) -> None:
    """A version of another caller is as if the row had not existed then."""
    paper = api.paper("ann", "1")
    api.do("renamePaper", id=paper, title="2")
    api.do("givePaper", id=paper, owner="bob")
    api.do("renamePaper", id=paper, title="3")
    api.do("renamePaper", id=paper, title="4")
    api.do("givePaper", id=paper, owner="ann")

    def version(title: str, owner: str) -> dict[str, str]:
        return {"title": title, "owner": owner}

    def changes(reader: Reader, **arguments: Any) -> list[tuple[Any, Any]]:
        nodes = reader.ask(HISTORY, id=paper, **arguments)["nodes"]
        return [(node["before"], node["after"]) for node in nodes]

    assert changes(ann) == [
        (None, version("1", "ann")),
        (version("1", "ann"), version("2", "ann")),
        (version("2", "ann"), None),
        (None, version("4", "ann")),
    ]
    assert changes(bob) == [
        (None, version("2", "bob")),
        (version("2", "bob"), version("3", "bob")),
        (version("3", "bob"), version("4", "bob")),
        (version("4", "bob"), None),
    ]
    assert changes(bob, last=1) == [(version("4", "bob"), None)]
    assert changes(api.reader("eve")) == []
    assert changes(bob, first=4) == changes(bob)
    assert not bob.ask(HISTORY, id=paper, first=4)["pageInfo"]["hasNextPage"]
    first, *_, last = bob.ask(HISTORY, id=paper)["nodes"]
    assert first["changedFields"] == last["changedFields"] == ["ID", "OWNER", "PUBLIC", "READERS", "TITLE"]


def test_why_explains_only_what_the_caller_could_see(api: PaperApi, ann: Reader, bob: Reader) -> None:
    """The event that made the row visible explains values that were set before."""
    paper = api.paper("ann", "1")
    api.do("renamePaper", id=paper, title="2")
    assert ann.ask(WHY, id=paper) == {"value": "2", "before": "1", "event": {"type": "paper.renamed"}}
    assert bob.ask(WHY, id=paper) is None
    api.do("givePaper", id=paper, owner="bob")
    assert bob.ask(WHY, id=paper) == {"value": "2", "before": None, "event": {"type": "paper.given"}}
    assert ann.ask(WHY, id=paper) is None


def test_a_mutation_shows_its_row_only_where_the_caller_may_see_it(
    api: PaperApi, ann: Reader, bob: Reader
) -> None:
    write = """mutation ($owner: String!) {
      writePaper(input: {owner: $owner, title: "New"}, await: PROJECTED) {
        paper { title } receipt { version } } }"""
    assert ann.ask(write, owner="ann") == {"paper": {"title": "New"}, "receipt": {"version": 1}}
    assert bob.ask(write, owner="ann") == {"paper": None, "receipt": {"version": 1}}
