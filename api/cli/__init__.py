"""The command `nerve`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from domain.kernel.errors import ConfigurationError, DeclarationError, NerveError

INTERRUPTED = 130
"""The exit code of what ended with a Ctrl-C, by the custom of shells."""


def main() -> None:
    """Run the command line. Contexts may also be modules of the folder it is started in."""
    if "" not in sys.path:
        sys.path.append("")
    run(_app)


def run(command: Callable[[], None]) -> None:
    """Run a command. A refusal is one sentence; the exit code is 2 for wrong settings or classes, else 1."""
    try:
        command()
    except NerveError as error:
        print(f"nerve: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigurationError | DeclarationError) else 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _app() -> None:
    # Loading all of nerve takes a moment, in which a Ctrl-C is to end it as at any other.
    from api.cli.app import app

    app()
