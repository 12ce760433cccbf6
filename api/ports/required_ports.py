"""The outside ports that processes need, and the check that each has an adapter that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.port_requests import port_requests
from api.port_settings import PortSettings, SimulatedPortSettings
from domain.kernel.errors import ConfigurationError
from domain.kernel.names import client_name
from domain.kernel.types.record_checks import check_records
from domain.process.context import ProcessContext
from domain.process.ports import Request, reply_class


def check_ports(processes: Sequence[ProcessContext], ports: Mapping[str, PortSettings]) -> None:
    """Check the requests of processes, and that their ports have adapters that fit them.

    Raises DeclarationError for a request or a reply with a field that cannot be sent, ConfigurationError
    where a port has no adapter, or rules of a simulator for requests or fields that do not exist.
    """
    requests: dict[str, dict[str, type[Request[Any]]]] = {}
    for context in processes:
        for request in port_requests(context):
            check_records(request, reply_class(request))
            if request.port not in ports:
                raise ConfigurationError(
                    f"the process {context.process.__name__} sends {request.__name__} to the port "
                    f"{request.port!r}, which has no adapter; write in nerve.yaml "
                    f"`ports: {{{request.port}: {{adapter: http, url: https://…}}}}`, or "
                    "`{adapter: simulator}` for development"
                )
            requests.setdefault(request.port, {})[request.__name__] = request
    for port, by_name in requests.items():
        settings = ports[port]
        if isinstance(settings, SimulatedPortSettings):
            _check_rules(port, settings, by_name)


def _check_rules(
    port: str, settings: SimulatedPortSettings, requests: Mapping[str, type[Request[Any]]]
) -> None:
    operations = [rule.operation for rule in settings.refusals if rule.operation is not None]
    for operation in (*operations, *settings.replies):
        if operation not in requests:
            raise ConfigurationError(
                f"ports.{port}: a rule is for {operation!r}, which is no request of the port; its "
                f"requests are {', '.join(sorted(requests))}"
            )
    for rule in settings.refusals:
        concerned = requests.values() if rule.operation is None else [requests[rule.operation]]
        fields = {client_name(field) for request in concerned for field in request.model_fields}
        for name in rule.where:
            if name not in fields:
                raise ConfigurationError(
                    f"ports.{port}.refusals: `where` has {name!r}, which is no field of "
                    f"{rule.operation or 'any request'}; the fields are {', '.join(sorted(fields))}"
                )
