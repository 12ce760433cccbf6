"""The code of docs/contexts.md does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contexts.md").read_text()

CHECK = """
from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import load_settings
from library.copies import Copy, CopyLent, CopyReturned, Damaged, LendCopy, ReturnCopy
from library.members import Member, MemberRegistered, MembershipEnded
from domain.testing import given
from projections.testing import History

catalog, views = load_contexts(load_settings())
schema = print_api(catalog, views)
assert "damaged: DamagedInput" in schema and "lent: Int!" in schema

assert catalog.read("copy.lent", 1, {"member_id": "member-1"})[2] == CopyLent(member_id="member-1", days=14)

registered, ended = MemberRegistered(name="Ada"), MembershipEnded()
lend = LendCopy(id="copy-1", member_id="member-1")
lent = CopyLent(member_id="member-1", days=28)
given(Copy).with_stream("member-1", Member, registered).when(lend).then(lent)
given(Copy).with_stream("member-1", Member, registered, ended).when(lend).then_refused()
damaged = Damaged(note="wet")
returned = CopyReturned(member_id="member-1", condition=damaged)
given(Copy, lent).when(ReturnCopy(id="copy-1", condition=damaged)).then(returned)

view = views[0]
history = History()
for stream, event, expected in (("member-1", registered, 0), ("copy-1", lent, 1), ("member-1", ended, None),
                                ("copy-1", returned, None)):
    row = history.add(stream, event).rows(view).get("member-1")
    assert (row and row["lent"]) == expected
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the page shows, and nothing else."""
    files = re.findall(r"`(library/\w+\.py)`:\n\n```python\n(.*?)```", PAGE, re.S)
    assert len(files) == PAGE.count("```python") == 4
    (tmp_path / "library").mkdir()
    for name, code in files:
        (tmp_path / name).write_text(code)
    (settings,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    (tmp_path / "nerve.yaml").write_text(settings)
    return tmp_path


def test_the_code_of_the_page_does_what_it_says(folder: Path) -> None:
    check = [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{CHECK}"]
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_nerve_finds_the_modules_of_the_folder_it_is_started_in(folder: Path) -> None:
    nerve = Path(sys.executable).with_name("nerve")
    done = subprocess.run([nerve, "schema", "events"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (folder / "library" / "schemas" / "copy.lent.2.json").exists()
