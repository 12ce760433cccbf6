"""``nerve access explain``: what of a GraphQL document a caller may see and do, and why."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from api.access.callers import Caller
from api.cli.records import AsJson, print_record
from api.cli.terminal import print_table
from api.contexts import load_contexts
from api.graphql.access_explanation import AccessExplainer
from api.settings import load_settings
from domain.kernel import Scope
from domain.kernel.errors import ValidationFailed

_FORM = "write it as subject=ada,roles=editor,reviewer,tenant=acme; other names are claims"


def explain(
    document: Annotated[
        str, typer.Argument(help="A GraphQL document, such as '{ tasks { nodes { id } } }'.")
    ],
    caller: Annotated[
        str,
        typer.Option(
            "--as",
            help="The caller: subject=ada,roles=editor,reviewer,tenant=acme. Other names are claims. Empty: "
            "a caller without credentials.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Explain for each field of a document whether a caller may see it, with the rule and the reason.

    The rules are those of the registered contexts; no server is asked.
    """
    declarations = load_contexts(load_settings())
    explainer = AccessExplainer(declarations.catalog, declarations.views, read_caller(caller))
    fields = explainer.explain(document)
    if as_json:
        for field in fields:
            print_record(field._asdict())
        return
    table = Table("field", "verdict", "rule", "reason", box=None, pad_edge=False)
    for field in fields:
        table.add_row(field.path, field.verdict, field.rule, field.reason)
    print_table(table)


def read_caller(text: str) -> Caller:
    """Return the caller that an option describes; raises ValidationFailed for a malformed one.

    A part without a name is one more value of the name before it.
    """
    values = _read(text)
    subject, tenant = values.pop("subject", (None,))[0], values.pop("tenant", ("default",))[0]
    roles = frozenset(values.pop("roles", ()))
    return Caller(Scope(tenant or "default", subject), subject, roles, claims=values)


def _read(text: str) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    name = ""
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        name, value = (key.strip(), value) if equals else (name, key)
        if not name:
            raise ValidationFailed(f"--as {text!r} begins without a name; {_FORM}")
        values[name] = (*values.get(name, ()), value.strip())
    return values
