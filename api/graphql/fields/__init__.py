"""The fields of the schema: what each takes, and how it is answered."""
