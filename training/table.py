"""models/README.md: what the cards say, as one table and one leaderboard. Nothing in it is typed by hand."""

from pathlib import Path
from typing import Any

from serving.card import Card, read_card

HEAD = """# Models

Written by `digits-train table` from the cards; a test holds the two together. Accuracies are means over the seeds run, with
their standard deviation; the file is seed 0's, whose test accuracy stands with its 95 % Wilson interval. The gap to the
lab's one run is in standard errors of one run against our mean. The proof is the largest distance of the ONNX file's scores
from float64, in eps of the largest score, with 64 allowed.

"""


COLUMNS = (
    "model", "lab", "parameters", "MFLOP", "validation", "test", "test, seed 0 (95 %)", "calibration error",
    "the lab's figure (gap)", "model.onnx", "proof",
)  # fmt: skip


def write(models: Path) -> Path:
    """Write the page for the models of a folder. Raises serving.card.CardInvalid."""
    path = models / "README.md"
    path.write_text(page(models), encoding="utf-8")
    return path


def page(models: Path) -> str:
    """The text of models/README.md."""
    cards = [read_card(folder / "card.json") for folder in sorted(models.iterdir()) if (folder / "card.json").exists()]
    in_order = sorted(cards, key=lambda card: card.lab)
    rows = [_row(card, (models / card.name / "model.onnx").stat().st_size) for card in in_order]
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"| --- | --- |{' ---: |' * (len(COLUMNS) - 2)}",
        *rows,
    ]
    return HEAD + "\n".join(lines) + "\n\n" + _leaderboards(cards)


def _row(card: Card, size: int) -> str:
    low, high = card.test["interval"]
    worst = max(row["scores_eps"] for row in card.proof["onnx"]["batches"].values())
    cells = [
        f"`{card.name}`",
        card.lab,
        f"{card.parameters:,}",
        f"{card.flops / 1e6:.3g}",
        _mean(card.validation),
        _mean(card.test),
        f"{card.test['accuracy']:.2%} ({low:.2%} to {high:.2%})",
        f"{card.ece['after']:.4f}",
        _lab(card.test),
        f"{size / 1e6:.2f} MB",
        f"{worst:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _mean(figures: dict[str, Any]) -> str:
    spread = f" ± {figures['sd']:.2%}" if figures["sd"] is not None else ""
    return f"{figures['mean']:.2%}{spread} ({len(figures['seeds'])})"


def _lab(test: dict[str, Any]) -> str:
    if "lab" not in test:
        return "none"
    gap = test["gap_in_standard_errors"]
    return f"{test['lab']:.2%}" + (f" ({gap:+.1f})" if gap is not None else "")


def _leaderboards(cards: list[Card]) -> str:
    """The models of each data set by their mean validation accuracy, best first."""
    text = ""
    for dataset in sorted({card.dataset["name"] for card in cards}, reverse=True):
        ranked = sorted(
            (card for card in cards if card.dataset["name"] == dataset), key=lambda card: -card.validation["mean"]
        )
        text += f"## {dataset}, by validation accuracy\n\n"
        text += "".join(
            f"{place}. `{card.name}` {card.validation['mean']:.2%}\n" for place, card in enumerate(ranked, start=1)
        )
        text += "\n"
    return text.rstrip() + "\n"
