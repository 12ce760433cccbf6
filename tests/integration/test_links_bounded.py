"""How far an operation may follow links, and how many rows one response holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.linked_views import MAX_ROWS, Site, open_site


@pytest.fixture(scope="module")
def site(mongo_url: str, redis_url: str) -> Iterator[Site]:
    with open_site(mongo_url, redis_url) as opened:
        yield opened


def test_a_response_holds_so_many_rows_and_not_more(site: Site) -> None:
    served, few = site.served, "tasks(first: 5) { nodes { agent { tasks(first: 5) { nodes { id } } } } }"
    assert "errors" not in served.run(f"{{ {few} }}")
    error = served.refused(
        "{ tasks { nodes { agent { tasks { nodes { agent { tasks { nodes { id } } } } } } } } }"
    )
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    lists = " ".join(f"a{number}: tasks {{ nodes {{ id }} }}" for number in range(MAX_ROWS))
    assert served.refused(f"{{ {lists} }}")["extensions"]["code"] == "TOO_COMPLEX"


def test_no_more_rows_are_read_than_a_response_may_hold(site: Site) -> None:
    own = {"_tenant": "default", "_gone": False, "_position": 1, "_place": 0, "_created": 1, "_generation": 1}
    rows = [
        {"_id": f"default/x-{n}", "id": f"x-{n}", "agent_id": site.agents[n % 3], **own} for n in range(600)
    ]
    site.rows("tasks").insert_many(rows)
    pages = " ".join(f"a{number}: tasks(first: 200) {{ nodes {{ id }} }}" for number in range(5))
    with site.asked() as asked:
        error = site.served.refused(f"{{ agents {{ nodes {{ {pages} }} }} }}")
    site.rows("tasks").delete_many({"_id": {"$regex": "^default/x-"}})
    assert error["extensions"]["code"] == "TOO_COMPLEX"
    read = sum(one["nreturned"] for one in asked if "aggregate" in one["command"])
    assert read <= MAX_ROWS + 10


def nested(depth: int) -> str:
    return "agent { tasks { nodes { " * depth + "id" + " } } }" * depth


def test_links_that_would_read_too_many_rows_are_not_followed(site: Site) -> None:
    """Whatever is stored: the sizes of the pages decide."""
    assert "errors" not in site.served.run(
        f"{{ tasks(first: 1) {{ nodes {{ {nested(2)} agent {{ id }} }} }} }}"
    )
    doubled = " ".join(
        f"fragment F{n} on Task {{ a: agent {{ tasks {{ nodes {{ ...F{n + 1} }} }} }} ...F{n + 1} ...G{n} }} "
        f"fragment G{n} on Task {{ b: agent {{ tasks {{ nodes {{ ...F{n + 1} }} }} }} }}"
        for n in range(18)
    )
    for query in (
        f"{{ tasks {{ nodes {{ {nested(3)} }} }} }}",
        "{ tasks(first: 200) { nodes { agent { tasks(first: 50) { nodes { id } } } } } }",
        "{ tasks(first: 60) { nodes { " + " ".join(f"a{n}: agent {{ id }}" for n in range(170)) + " } } }",
        f"{{ tasks {{ nodes {{ ...F0 }} }} }} {doubled} fragment F18 on Task {{ id }}",
    ):
        answer = site.served.run(query)
        assert "data" not in answer
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["TOO_COMPLEX"]
    subscription = 'subscription { task(id: "x") { ... on TaskChanged { task { ' + nested(3) + " } } } }"
    assert '"code":"TOO_COMPLEX"' in site.served.post({"query": subscription}).text
