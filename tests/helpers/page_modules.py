"""The Python modules that a page of docs/ shows, written to a folder from which they are imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.documentation import ROOT


@contextmanager
def page_modules(page: str, package: str, folder: Path) -> Iterator[None]:
    """Write the modules of the package that the page shows, and make them importable inside the context."""
    text = (ROOT / "docs" / page).read_text()
    files = re.findall(rf"`({package}/\w+\.py)`:\n\n```python\n(.*?)```", text, re.S)
    assert files, f"{page} shows no module of {package}"
    (folder / package).mkdir()
    for name, code in files:
        (folder / name).write_text(code)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
