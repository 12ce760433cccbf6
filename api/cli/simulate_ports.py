"""``nerve simulate-ports``: serves the simulated ports until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from api.cli.terminal import say
from api.contexts import load_contexts
from api.devserver.address import listen
from api.port_requests import port_requests
from api.port_settings import SimulatedPortSettings
from api.ports.simulated_port import SimulatedPort
from api.ports.simulator_app import simulator_app
from api.settings import load_settings
from domain.kernel.errors import ConfigurationError

HOST = "127.0.0.1"


def simulate_ports(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8400,
) -> None:
    """Serve the simulated outside ports of the settings to several workers, on this machine."""
    settings = load_settings()
    simulated = {
        name: SimulatedPort(name, each)
        for name, each in settings.ports.items()
        if isinstance(each, SimulatedPortSettings)
    }
    if not simulated:
        raise ConfigurationError(
            "no port is simulated; write in nerve.yaml `ports: {payments: {adapter: simulator}}`"
        )
    processes = load_contexts(settings).processes
    requests = {request for context in processes for request in port_requests(context)}
    with listen(HOST, port) as listener:
        say(f"simulating {', '.join(simulated)} at http://{HOST}:{listener.getsockname()[1]}")
        config = uvicorn.Config(simulator_app(simulated, requests), lifespan="off", log_config=None)
        uvicorn.Server(config).run([listener])
