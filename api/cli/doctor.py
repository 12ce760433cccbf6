"""``nerve doctor``: check a deployment."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from api.cli.records import print_record
from api.cli.terminal import output
from api.devserver.folder import find_instance, with_instance
from api.doctor.examination import examine
from api.doctor.findings import Finding, Sign
from api.settings import Settings, load_settings

STYLES = {Sign.OK: "green", Sign.WARN: "yellow", Sign.FAIL: "bold red"}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each finding.")] = False,
) -> None:
    """Check the settings, this machine, MongoDB and Redis, and say what to mend. It changes nothing.

    The exit code is 1 if a check fails. Run it with the settings of the processes that it is about.
    """
    findings = asyncio.run(_run(_settings(), quiet=json))
    if json:
        for finding in findings:
            print_record(finding._asdict())
    if any(finding.sign is Sign.FAIL for finding in findings):
        raise typer.Exit(1)


def _settings() -> Settings:
    """Return the settings, with the servers of the running instance if there is one."""
    settings = load_settings()
    return settings if find_instance(settings.data_dir) is None else with_instance(settings)


async def _run(settings: Settings, *, quiet: bool) -> list[Finding]:
    findings = []
    async for finding in examine(settings):
        findings.append(finding)
        if not quiet:
            sign = (f"{finding.sign:<4}", STYLES[finding.sign])
            output.print(Text.assemble(sign, f"  {finding.check}: {finding.text}"), soft_wrap=True)
    return findings
