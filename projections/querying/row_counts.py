"""Counting the rows of all tenants by the values of fields, for metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from eventstore.mongo.driver import Database, unavailable_if_down
from projections.querying.locator import ViewLocator


async def count_rows(
    database: Database, locator: ViewLocator, values: Mapping[str, Sequence[str]]
) -> Mapping[tuple[str, ...], int]:
    """Return the number of rows with each combination of these values of fields, over all tenants.

    With an index that begins with the fields, MongoDB reads only rows with these values. Raises Unavailable.
    """
    rows = await locator.rows()
    combinations = list(product(*values.values()))
    conditions = {field: {"$in": list(accepted)} for field, accepted in values.items()}
    group = {"_id": [f"${field}" for field in values], "count": {"$sum": 1}}
    with unavailable_if_down():
        # Each index begins with the tenant, so its values are counted by a few seeks.
        tenants = await database.command({"distinct": rows.name, "key": "_tenant"})
        live = {"_tenant": {"$in": tenants["values"]}, "_gone": False, **conditions}
        pipeline = [{"$match": live}, {"$group": group}]
        size = {"batchSize": len(combinations) + 1}
        counted = await database.command({"aggregate": rows.name, "pipeline": pipeline, "cursor": size})
    counts = {tuple(each["_id"]): each["count"] for each in counted["cursor"]["firstBatch"]}
    return {combination: counts.get(combination, 0) for combination in combinations}
