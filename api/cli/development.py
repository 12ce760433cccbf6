"""The API as `nerve dev` runs it: ``python -m api.cli.development``.

It is a separate program and not an option, so that no setting makes `nerve serve` send internal errors.
"""

from __future__ import annotations

from api.cli import run, uncollected


def _serve() -> None:
    with uncollected():
        from api.cli.serve import serve_development
    serve_development()


if __name__ == "__main__":
    run(_serve)
