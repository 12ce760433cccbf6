"""A program that prints what its process has, as JSON, and ends with the code that its input names."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    facts = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "process": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "descriptors": sorted(int(each) for each in os.listdir("/proc/self/fd") if _is_open(int(each))),
        "threads": threading.active_count(),
        "name": __name__,
        "preloaded": "api.cli.serve" in sys.modules,
    }
    # As nerve does: it fails if the stream was made for another descriptor.
    sys.stdout.reconfigure(errors="strict")  # type: ignore[union-attr]
    print(json.dumps(facts), flush=True)
    print("the end", file=sys.stderr)
    sys.exit(int(sys.stdin.readline()))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
