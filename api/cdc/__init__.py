"""Change data capture: the documents of a foreign MongoDB collection, and their changes, as events.

It gets the parts of the runtime that it needs, and imports none that makes them. `api.cli` runs it, and
`api.rights` and `api.tenant_erasure` import the name of its collection.
"""
