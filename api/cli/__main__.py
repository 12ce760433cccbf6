"""``python -m api.cli`` is `nerve`."""

from api.cli import main

main()
