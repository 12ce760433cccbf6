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
from domain.kernel import Facts, InvariantViolated
from library import copies, members
from library.copies import CopyLent, CopyReturned, Damaged, LendCopy, ReturnCopy
from library.members import EndMembership, MemberRegistered, MembershipEnded
from tests.unit.scenario import NOON
from tests.unit.world import recorded, stream_info

catalog, views = load_contexts(load_settings())
schema = print_api(catalog, views)
assert "damaged: DamagedInput" in schema and "lent: Int!" in schema

assert catalog.read("copy.lent", 1, {"member_id": "member-1"})[2] == CopyLent(member_id="member-1", days=14)

member = members.Member().evolve(MemberRegistered(name="Ada"))
lend = LendCopy(id="copy-1", member_id="member-1")
lent = copies.Copy().decide(lend, Facts(NOON, {"member-1": member}))
assert lent == [CopyLent(member_id="member-1", days=28)]
try:
    copies.Copy().decide(lend, Facts(NOON, {"member-1": member.evolve(MembershipEnded())}))
    raise SystemExit("a copy was lent to a former member")
except InvariantViolated:
    pass
copy = copies.Copy().evolve(lent[0])
returned = copy.decide(ReturnCopy(id="copy-1", condition=Damaged(note="wet")), Facts(NOON))

view = views[0]
history = [("member-1", MemberRegistered(name="Ada")), ("copy-1", lent[0]), ("member-1", MembershipEnded()),
           ("copy-1", returned[0])]
rows = []
row = None
for stream, payload in history:
    event = recorded(stream_info(1, stream, stream.split("-")[0], "Any", NOON, None), 0, payload)
    assert view.key(event) == ("member-1",)
    row = view.apply("member-1", row, event)
    rows.append(row)
assert [each and each["lent"] for each in rows] == [0, 1, None, None]
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
