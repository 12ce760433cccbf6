"""The command line `nerve`; it prints an error as one sentence.

Nothing imports it but the entry point of the package, and `api.devserver` starts it as a process.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from api.escaping import escape, escape_diagnostics, escape_unencodable
from domain.kernel.errors import ConfigurationError, DeclarationError, NerveError

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells define it."""


def main() -> None:
    """Run the command line. Modules of contexts may also be in the working directory."""
    if "" not in sys.path:
        sys.path.append("")
    run(_run_app)


def run(command: Callable[[], None]) -> None:
    """Run a command, and print an error as one sentence.

    The exit code is 2 for wrong settings, arguments or classes, and 1 for other errors.
    """
    escape_diagnostics()
    escape_unencodable()
    try:
        command()
    except NerveError as error:
        print(f"nerve: {escape(str(error))}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigurationError | DeclarationError) else 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run_app() -> None:
    _check_arguments(sys.argv[1:])
    # Importing modules takes a moment, and Ctrl-C must work during it too.
    with uncollected():
        from api.cli.app import COMMANDS, build_app, build_index, run_app

        # Options of `nerve` itself print something and end it, so that a command is the first word.
        words = [word for word in sys.argv[1:3] if word != "--"][:1]
        app = build_app(*words) if COMMANDS.keys() & words else build_index()
    run_app(app)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise ConfigurationError for an argument that is not text: MongoDB could not store it."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"the argument {argument!a} is not text in {sys.getfilesystemencoding()}; correct it, or "
                "give the file another name"
            ) from None


@contextmanager
def uncollected() -> Iterator[None]:
    """Run no cycle collection in the block, and leave what it makes out of all later ones.

    It is for imports: modules live to the end, and collections take a tenth of the time to import them.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
