"""report.html: one page that holds everything it shows, made of a run's rows."""

import base64
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from serving import drawing
from serving.classifier import read_all
from serving.folder.account import Account
from serving.folder.again import Again
from serving.folder.items import fetch
from serving.folder.names import plain
from serving.folder.run import Answerer
from serving.folder.written import Row
from serving.original import original
from serving.outcome import STATUSES, Rejection
from serving.reading import ImageRejected, Limits, Reading, Reason, png

BINS = 20
SHOWN = 60
"""Pictures of the least sure."""
OF_A_KIND = {"not_a_digit": 24, "blank": 12}
"""Files of these statuses that are shown, the first ones."""
OF_A_REASON = 12
"""Files that are named for each reason of a refusal, the first ones."""
SIDE, SMALL = 160, 64
"""Pixels: the longer side of a thumbnail, and up to which a picture is small and goes as it is."""
QUALITY = 80
"""Of a JPEG. With SIDE it keeps a thumbnail below some 20 kB, whatever is on it, and the page below 3 MB."""
MEANINGS = {
    "digit": "promised to be right",
    "unsure": "a digit, but not surely which",
    "not_a_digit": "something else, with a best guess",
    "blank": "no ink on it",
    "rejected": "could not be read",
}
UNSAFE = {Reason.CRASHED}
"""Not tried again here, where nobody would survive it."""

PHOTO = "data:image/jpeg"

Shown = tuple[int, Row]
"""A row and its place among the rows."""


@dataclass(slots=True)
class Gathered:
    """What a page shows, gathered in one pass over the rows: of each kind no more than is shown is held."""

    account: Account = field(default_factory=Account)
    digits: Counter[int] = field(default_factory=Counter)
    """Of those whose digit is promised."""
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    """Of the confidence of every best guess."""
    reasons: Counter[str] = field(default_factory=Counter)
    first: defaultdict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    """The first ones of a status or a reason, whose pictures say more than their number."""
    least_sure: list[Shown] = field(default_factory=list)
    """The least sure first."""


def gather(rows: Iterable[Row]) -> Gathered:
    """Go over the rows of a run once."""
    gathered = Gathered()
    worst: list[tuple[float, int, Row]] = []
    for place, row in enumerate(rows):
        gathered.account.found += 1
        gathered.account.counts[row.status] += 1
        if row.status == "digit" and row.digit is not None:
            gathered.digits[row.digit] += 1
        if row.confidence is not None:
            gathered.histogram[min(int(row.confidence * BINS), BINS - 1)] += 1
            entry = (-row.confidence, -place, row)
            if len(worst) < SHOWN:
                heapq.heappush(worst, entry)
            elif entry > worst[0]:
                heapq.heapreplace(worst, entry)
        if row.reason is not None:
            gathered.reasons[row.reason] += 1
        kind = row.reason or row.status
        if len(gathered.first[kind]) < (OF_A_REASON if row.reason else OF_A_KIND.get(kind, 0)):
            gathered.first[kind].append((place, row))
    gathered.least_sure = [(-place, row) for _, place, row in sorted(worst, reverse=True)]
    return gathered


def page(gathered: Gathered, by: Answerer, limits: Limits, title: str, go_on: Callable[[], None]) -> str:
    """The page. What it shows is read again for its pictures; what has gone since has none. go_on: may raise."""
    import jinja2

    # Every value is escaped by the library; a name of a file is text there, whatever it holds.
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=jinja2.FileSystemLoader(Path(__file__).parent)
    )
    template = environment.get_template("report.html")
    shown = [*gathered.least_sure, *(one for some in gathered.first.values() for one in some)]
    pictures = _pictures(shown, by, limits, go_on)

    def files(kind: str) -> list[dict[str, Any]]:
        return [_entry(one, pictures) for one in gathered.first[kind]]

    return template.render(
        title=plain(title),
        by=by,
        account=str(gathered.account),
        statuses=_shares(gathered.account),
        digits=_bars({name: gathered.digits[digit] for digit, name in enumerate(by.card.classes)}),
        histogram=_histogram(gathered.histogram),
        least_sure=[_entry(one, pictures) for one in gathered.least_sure],
        kinds=[
            {"name": kind, "count": gathered.account[kind], "meaning": MEANINGS[kind], "files": files(kind)}
            for kind in OF_A_KIND
            if gathered.account[kind]
        ],
        reasons=[
            {
                "name": reason,
                "count": count,
                "message": Reason(reason).message,
                "files": files(reason),
            }
            for reason, count in gathered.reasons.most_common()
        ],
    )


def _shares(account: Account) -> list[dict[str, Any]]:
    found = max(account.found, 1)
    return [
        {"name": status, "count": account[status], "share": account[status] / found, "meaning": MEANINGS[status]}
        for status in STATUSES
    ]


def _bars(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    most = max(counts.values()) or 1
    return [{"name": name, "count": count, "height": count / most} for name, count in counts.items()]


def _histogram(counts: list[int]) -> list[dict[str, Any]]:
    """Heights go by the logarithm: of a good model nearly all guesses are in the last bin."""
    most = math.log1p(max(counts)) or 1.0
    return [
        {"from": place / BINS, "to": (place + 1) / BINS, "count": count, "height": math.log1p(count) / most}
        for place, count in enumerate(counts)
    ]


def _entry(shown: Shown, pictures: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    place, row = shown
    original_, seen = pictures[place]
    name = plain(row.source)
    return {
        "row": row, "path": name, "file": name.rstrip("/").rpartition("/")[2] or name, "original": original_, "seen": seen,
        "kind": "photo" if original_.startswith(PHOTO) else "",
    }  # fmt: skip


def _pictures(shown: Iterable[Shown], by: Answerer, limits: Limits, go_on: Callable[[], None]) -> dict[int, tuple[str, str]]:
    """By their places, as data URIs, each "" where there is none: the picture, and the 28x28 that was read of it."""
    find, pictures = Again(), {}
    for place, row in sorted(set(shown)):  # in their order, for an archive is gone through but once
        go_on()
        item = None if row.reason in UNSAFE else find(row.source)
        data = Rejection(Reason.UNREADABLE) if item is None else fetch(item, limits).data
        pictures[place] = ("", "") if isinstance(data, Rejection) else (_thumbnail(data, limits), _seen(data, by, limits))
    return pictures


def _thumbnail(data: bytes, limits: Limits) -> str:
    try:
        picture = original(data, limits)
    except ImageRejected:
        return ""
    height, width = picture.shape[:2]
    if max(height, width) <= SMALL:
        side = max(height, width)
        return _uri("png", drawing.png(drawing.fit(picture, side)))
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(drawing.fit(picture, SIDE), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return _uri("jpeg", encoded.tobytes())


def _seen(data: bytes, by: Answerer, limits: Limits) -> str:
    [read] = read_all([data], by.card.reading, limits)
    return _uri("png", png(read.picture)) if isinstance(read, Reading) else ""


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
