"""``python -m api.cli.development`` is the API as `nerve dev` runs it, which alone starts this program.

It is a program of its own, and no option or setting: so `nerve serve` cannot be made to explain its errors.
"""

from __future__ import annotations

from api.cli import run
from api.cli.processes import serve_development

if __name__ == "__main__":
    run(serve_development)
