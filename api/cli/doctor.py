"""``nerve doctor``: check a deployment."""

from __future__ import annotations

import asyncio
from collections import Counter

import typer
from rich.text import Text

from api.cli.records import AsJson, print_record
from api.cli.terminal import say
from api.doctor.examination import examine
from api.doctor.findings import Finding, Sign

STYLES = {Sign.OK: "green", Sign.WARN: "yellow", Sign.FAIL: "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Check the settings, this machine, the servers, the log and its consumers, and say what to mend.

    It changes nothing and prints no secret. The exit code is 1 if a check fails. Run it with the settings of
    the processes that it is about.
    """
    signs = asyncio.run(_run(as_json=as_json))
    if not as_json:
        say(f"\n{signs[Sign.FAIL]} to correct, {signs[Sign.WARN]} to improve, {signs[Sign.OK]} in order")
    if signs[Sign.FAIL]:
        raise typer.Exit(1)


async def _run(*, as_json: bool) -> Counter[Sign]:
    """Print the findings as they are made, and return how many have each sign."""
    signs, section = Counter[Sign](), ""
    async for finding in examine():
        signs[finding.sign] += 1
        if as_json:
            print_record(finding.to_json())
            continue
        if finding.section != section:
            section = finding.section
            say(Text(section.upper(), style="bold"))
        _print(finding)
    return signs


def _print(finding: Finding) -> None:
    sign = (f"{finding.sign:<4}", STYLES[finding.sign])
    say(Text.assemble(sign, f"  {finding.check}: {finding.sentence}"))
