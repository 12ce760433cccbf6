"""The rows of all tenants by values of fields: how many there are, and the rows themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from eventstore.mongo.driver import Collection, Database, unavailable_if_down
from eventstore.mongo.reads import aggregate
from projections.storage.rows import Row


async def count_rows(
    database: Database, rows: Collection, values: Mapping[str, Sequence[str]]
) -> Mapping[tuple[str, ...], int]:
    """Return the number of rows with each combination of these values of fields, over all tenants.

    With an index that begins with the fields, MongoDB reads only rows with these values. Raises Unavailable.
    """
    combinations = list(product(*values.values()))
    group = {"_id": [f"${field}" for field in values], "count": {"$sum": 1}}
    with unavailable_if_down():
        pipeline = [{"$match": await _present(database, rows, values)}, {"$group": group}]
        size = {"batchSize": len(combinations) + 1}
        counted = await database.command({"aggregate": rows.name, "pipeline": pipeline, "cursor": size})
    counts = {tuple(each["_id"]): each["count"] for each in counted["cursor"]["firstBatch"]}
    return {combination: counts.get(combination, 0) for combination in combinations}


class TenantRows(NamedTuple):
    """The number of a tenant's rows that have a value of a field, and the id of one of them."""

    tenant: str
    value: str
    number: int
    example: str


async def count_by_tenant(
    database: Database, rows: Collection, by: str, values: Mapping[str, Sequence[str]]
) -> Sequence[TenantRows]:
    """Return the numbers of rows with these values of fields, by tenant and value of the field `by`.

    Raises Unavailable.
    """
    group = {
        "_id": {"tenant": "$_tenant", "value": f"${by}"},
        "count": {"$sum": 1},
        "example": {"$min": "$id"},
    }
    with unavailable_if_down():
        present = await _present(database, rows, values)
        groups = await aggregate(rows, [{"$match": present}, {"$group": group}])
    return [TenantRows(**group["_id"], number=group["count"], example=group["example"]) for group in groups]


async def find_rows(
    database: Database, rows: Collection, values: Mapping[str, Sequence[str | None]]
) -> Sequence[Row]:
    """Return the rows of all tenants with these values of fields. Raises Unavailable."""
    with unavailable_if_down():
        return await rows.find(await _present(database, rows, values)).to_list(None)


async def _present(
    database: Database, rows: Collection, values: Mapping[str, Sequence[str | None]]
) -> Mapping[str, Any]:
    """Return the filter of rows with these values. It names all tenants, with which each index begins."""
    tenants = await database.command({"distinct": rows.name, "key": "_tenant"})
    conditions = {field: {"$in": list(accepted)} for field, accepted in values.items()}
    return {"_tenant": {"$in": tenants["values"]}, "_gone": False, **conditions}
