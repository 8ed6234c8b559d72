"""report.html: one page that holds everything it shows, made of a run's rows."""

import base64
import heapq
import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from serving.catalogue import Model
from serving.classifier import classify
from serving.folder.account import STATUSES, Account
from serving.folder.items import fetch
from serving.folder.written import Row
from serving.outcome import Outcome, Prediction, Rejection
from serving.reading import Limits, png

BINS = 20
SHOWN = 60
"""Pictures of the least sure, and files that were refused, each at most."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d5dae1; --bar: #2f6db5; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #333c48; --bar: #6aa5ea; --paper: #14181e; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr { border-bottom: 1px solid var(--line); }
.soft { color: var(--soft); }
.histogram { display: flex; align-items: flex-end; height: 9rem; gap: 2px; border-bottom: 1px solid var(--line); }
.histogram div { flex: 1; background: var(--bar); min-height: 1px; }
.scale { display: flex; justify-content: space-between; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem; }
figure { margin: 0; overflow-wrap: anywhere; font-size: .85rem; }
figure img { width: 100%; image-rendering: pixelated; background: #000; border-radius: .3rem; }
"""


@dataclass(slots=True)
class Gathered:
    """What a page shows, gathered in one pass over the rows: of each kind no more than is shown is held."""

    account: Account = field(default_factory=Account)
    digits: Counter[int] = field(default_factory=Counter)
    """Of those whose digit is promised."""
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    """Of the confidence of every best guess."""
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[Row] = field(default_factory=list)
    least_sure: list[Row] = field(default_factory=list)


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
            heapq.heappush(worst, (-row.confidence, -place, row))
            if len(worst) > SHOWN:
                heapq.heappop(worst)
        if row.reason is not None:
            gathered.reasons[row.reason] += 1
            if len(gathered.refused) < SHOWN:
                gathered.refused.append(row)
    gathered.least_sure = [row for _, _, row in sorted(worst, reverse=True)]
    return gathered


def page(gathered: Gathered, model: Model, limits: Limits, title: str) -> str:
    """The page. The least sure are read again for their pictures; what has gone since has none."""
    card = model.card
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p class=soft>{_text(str(gathered.account))}<br>{_text(model.identity)}: {_text(card.recipe)}</p>",
        "<h2>What became of the files</h2>",
        _table(("status", "files"), [(status, gathered.account[status]) for status in STATUSES]),
        "<h2>Digits that are promised</h2>",
        _table(("digit", "files"), [(name, gathered.digits[digit]) for digit, name in enumerate(card.classes)]),
        "<h2>How sure the best guesses are</h2>",
        _histogram(gathered.histogram),
    ]
    if gathered.least_sure:
        parts += [f"<h2>The {len(gathered.least_sure)} least sure</h2>", _sheet(gathered.least_sure, model, limits)]
    if gathered.reasons:
        parts += ["<h2>Why files were refused</h2>", _table(("reason", "files"), gathered.reasons.most_common())]
        named = [(row.source, row.reason or "") for row in gathered.refused]
        more = gathered.account["rejected"] - len(named)
        parts += [_table(("file", "reason"), named), f"<p class=soft>and {more:,} more</p>" if more else ""]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _text(value: object) -> str:
    return html.escape(str(value).encode("utf-8", "replace").decode())


def _table(head: tuple[str, str], rows: Iterable[tuple[object, object]]) -> str:
    def cell(value: object, tag: str = "td") -> str:
        is_number = isinstance(value, int)
        return f"<{tag}{' class=number' if is_number else ''}>{f'{value:,}' if is_number else _text(value)}</{tag}>"

    lines = "\n".join(f"<tr>{cell(one)}{cell(other)}</tr>" for one, other in rows)
    return f"<table><tr>{cell(head[0], 'th')}{cell(head[1], 'th')}</tr>\n{lines}\n</table>"


def _histogram(counts: list[int]) -> str:
    most = max(counts) or 1
    bars = "".join(
        f'<div style="height:{count / most:.1%}" title="{place / BINS:.0%} to {(place + 1) / BINS:.0%}: {count:,}"></div>'
        for place, count in enumerate(counts)
    )
    told = ", ".join(f"{place / BINS:.0%} {count:,}" for place, count in enumerate(counts) if count)
    return (
        f'<div class=histogram role=img aria-label="Guesses by confidence: {told}">{bars}</div>'
        f"<div class='scale soft'><span>0 %</span><span>confidence</span><span>100 %</span></div>"
    )


def _sheet(rows: list[Row], model: Model, limits: Limits) -> str:
    outcomes = classify((fetch(row.source, limits).data for row in rows), model, limits)
    return f"<div class=sheet>{''.join(map(_figure, rows, outcomes))}</div>"


def _figure(row: Row, outcome: Outcome) -> str:
    name = _text(Path(row.source).name)
    if isinstance(outcome, Rejection):
        shown = "<p class=soft>no longer there</p>"
    else:
        data = base64.b64encode(png(outcome.picture)).decode()
        shown = f'<img src="data:image/png;base64,{data}" alt="what the model saw of {name}">'
    guess = f"{row.digit} {row.confidence:.1%}" if row.confidence is not None else ""
    also = ""
    if isinstance(outcome, Prediction):
        second = sorted(range(len(outcome.probabilities)), key=lambda digit: -outcome.probabilities[digit])[1]
        also = f", else {second}"
    caption = f"{_text(row.status)}: {guess}{also}<br><span class=soft>{name}</span>"
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"
