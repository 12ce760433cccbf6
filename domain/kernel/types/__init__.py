"""The types of fields of events, commands, states and rows, and their codecs; docs/types.md has the table.

    annotations     reads annotations and classes, and makes the nodes of `nodes` of them
    record_fields   the fields of models, dataclasses, TypedDicts and NamedTuples
    record_checks   refuses types that are not in the table when nerve starts
    refusals        the words in which types and values are refused
    stored_values   encoders from Python to BSON, and with `value_decoding` decoders from BSON to Python;
                    `stored_scalars`, `record_encoders` and `stored_records` have their parts,
                    `value_structure` what both share, `model_making` makes models of what was decoded
    storable_checks the checks of commands: that values which pydantic accepts can be stored
    json_values     writers from BSON to JSON; `json_reading` has the readers, `text_forms` the texts of both

All of it is pure, and compiled once for each type.
"""
