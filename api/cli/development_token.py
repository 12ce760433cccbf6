"""``nerve access token``: a token by which a developer acts as any caller of `nerve dev`."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from api.access.development_tokens import DevelopmentCaller, DevelopmentTokens
from api.cli.records import AsJson, print_result
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.devserver.folder import development_key, find_instance
from api.ids import now
from api.settings import load_settings
from domain.kernel.errors import ConfigurationError, ValidationFailed


def token(
    subject: Annotated[str, typer.Argument(help="The subject to act as, such as ada.")],
    role: Annotated[list[str] | None, typer.Option(help="A role of the caller; can be repeated.")] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(help="A claim, as team=red, level=3 or 'teams=[\"red\"]'; can be repeated."),
    ] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Print a token for development, which `nerve dev` accepts on this machine for twelve hours.

    Send it as `Authorization: Bearer TOKEN`. `nerve serve` does not accept it.
    """
    folder = load_settings().data_dir
    if find_instance(folder) is None:
        raise ConfigurationError(
            f"no nerve is running with the data folder {folder}; start one with `nerve dev`"
        )
    claims = dict(map(_read_claim, claim or []))
    try:
        caller = DevelopmentCaller(subject=subject, tenant=tenant, roles=tuple(role or ()), claims=claims)
    except ValidationError as error:
        [mistake, *_] = error.errors(include_url=False)
        raise ValidationFailed(mistake["msg"], mistake["loc"]) from None
    issued = DevelopmentTokens(development_key(folder), now).issue(caller)
    print_result({"token": issued}, issued, as_json=as_json)


def _read_claim(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ValidationFailed(f"the claim {text!a} must have the form NAME=VALUE", ("claim",))
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value
