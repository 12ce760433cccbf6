"""Versions of one context, each a folder with a package of its own that a process is started with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODULE = "market.view"

DOMAIN = '''"""Auctions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts, Text


class OpenAuction(CreateCommand):
    """Open an auction."""

    title: Text


class PlaceBid(ChangeCommand):
    """Bid in an auction."""

    amount: int


class AuctionOpened(Event, type="auction.opened"):
    title: str


class BidPlaced(Event, type="bid.placed"):
    amount: int


@dataclass(frozen=True, slots=True)
class Auction(Aggregate[OpenAuction | PlaceBid, AuctionOpened | BidPlaced]):
    category = "auction"
    bids: int = 0

    def decide(self, command: OpenAuction | PlaceBid, facts: Facts) -> list[AuctionOpened | BidPlaced]:
        if isinstance(command, OpenAuction):
            return [AuctionOpened(title=command.title)]
        return [BidPlaced(amount=command.amount)]

    def evolve(self, event: AuctionOpened | BidPlaced) -> Auction:
        return replace(self, bids=self.bids + isinstance(event, BidPlaced))


context = Context("auctions", Auction)
'''

VIEW = '''"""Auctions as the API shows them."""

from __future__ import annotations

from typing import TypedDict

from domain.kernel import RecordedEvent
from market import AuctionOpened, BidPlaced, context
from projections.kernel import View, by_stream


class AuctionRow(TypedDict):
    id: str
    title: str
    bids: int
    highest: int
    score: int


def apply(key: str, row: AuctionRow | None, event: RecordedEvent) -> AuctionRow | None:
    match event.payload:
        case AuctionOpened(title=title):
            return {"id": key, "title": title, "bids": 0, "highest": 0, "score": 0}
        case BidPlaced(amount=amount) if row:
            bids, highest = row["bids"] + 1, max(row["highest"], amount)
            return {**row, "bids": bids, "highest": highest, "score": bids * 1}
    return row


view = View(
    name="auctions",
    singular="auction",
    context=context,
    row=AuctionRow,
    key=by_stream,
    apply=apply,
    filters=("bids",),
)
'''

Edit = tuple[str, str]
"""A text of the sources, and what it becomes."""


@dataclass(frozen=True)
class Version:
    """A version of the code: what it changes of the first one, and what is to become of it.

    Its rows have `points` for each bid as their score, and `hot` where it has that field. `refused` is a part
    of the sentence with which its processes do not start.
    """

    name: str
    domain: Sequence[Edit] = ()
    view: Sequence[Edit] = ()
    points: int = 1
    has_hot: bool = False
    refused: str = ""

    def write(self, folder: Path) -> Path:
        """The folder with its package."""
        package = folder / self.name.replace(" ", "-") / "market"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(_edited(DOMAIN, self.domain))
        (package / "view.py").write_text(_edited(VIEW, self.view))
        return package.parent

    def row(self, auction: str, title: str, amounts: Sequence[int]) -> Mapping[str, object]:
        """The row that this version makes of an auction with these bids."""
        highest = max(amounts, default=0)
        row = {"id": auction, "title": title, "bids": len(amounts), "highest": highest}
        row |= {"score": len(amounts) * self.points}
        return {**row, "hot": highest > HOT} if self.has_hot else row


HOT = 500
"""Auctions with a bid above that are hot."""


def _edited(source: str, edits: Sequence[Edit]) -> str:
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    return source


FIRST = Version("first")
CHANGED = Version("changed fold", view=[("bids * 1", "bids * 10")], points=10)
RENAMED_FIELD = Version(
    "renamed field",
    domain=[
        ("    amount: int\n\n\n@dataclass", "    price: int\n\n\n@dataclass"),
        ("amount=command", "price=command"),
    ],
    view=[("BidPlaced(amount=amount)", "BidPlaced(price=amount)")],
    refused="BidPlaced cannot read all that the log may hold of bid.placed of revision 1: 'amount' is gone",
)
RENAMED_EVENT = Version(
    "renamed event",
    domain=[('"bid.placed"', '"bid.made"')],
    refused="the log holds events of the type 'bid.placed'",
)
REMOVED = Version(
    "removed event",
    domain=[
        ('class BidPlaced(Event, type="bid.placed"):\n    amount: int\n\n\n', ""),
        ("AuctionOpened | BidPlaced", "AuctionOpened"),
        ("[BidPlaced(amount=command.amount)]", "[]"),
        ("isinstance(event, BidPlaced)", "0"),
    ],
    view=[
        ("AuctionOpened, BidPlaced,", "AuctionOpened,"),
        ("case BidPlaced(amount=amount) if row:", "case int() as amount if row:"),
    ],
    refused="the log holds events of the type 'bid.placed'",
)
NEW_FIELD = Version(
    "new field",
    view=[
        ("    score: int\n", "    score: int\n    hot: bool\n"),
        ('"score": 0}', '"score": 0, "hot": False}'),
        ('"score": bids * 1}', f'"score": bids * 1, "hot": row["hot"] or amount > {HOT}}}'),
        ('filters=("bids",)', 'filters=("bids", "hot")'),
    ],
    has_hot=True,
)
REFUSED = (RENAMED_FIELD, RENAMED_EVENT, REMOVED)


def broken_fold(number: int) -> Version:
    """A fold that fails. Each number has code of its own: known code would wait until no other code runs."""
    return Version("broken fold", view=[('row["highest"]', f'row["top_{number}"]')])
