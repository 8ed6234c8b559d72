"""All models and their figures as rows, and who is first."""

from pathlib import Path
from typing import Any

from serving.card import Card
from training import measured
from training.table.markdown import NOT_MEASURED, mean, table

COLUMNS = (
    "model", "lab", "parameters", "MFLOP", "validation", "test", "test, seed 0 (95 %)", "calibration error",
    "the lab's figure (gap)", "model.onnx", "model.ts", "one picture", "pictures/s at 64", "proof",
)  # fmt: skip


def models_table(cards: list[Card], models: Path, speeds: dict[str, Any]) -> str:
    """A row for each model, and what the speeds were measured on.

    speeds: what models/speed.json says, or nothing.
    """
    rows = [
        _row(card, (models / card.name / "model.onnx").stat().st_size, measured.of_file(card, speeds))
        for card in sorted(cards, key=lambda card: card.lab)
    ]
    if not speeds:
        return table(COLUMNS, 2, rows)
    versions = ", ".join(f"{name} {version}" for name, version in speeds["versions"].items())
    return (
        f"{table(COLUMNS, 2, rows)}\n\nSpeed: ONNX Runtime, {speeds['hardware']}, {versions}, "
        f"medians of {speeds['rounds']} interleaved rounds (`digits-train measure`)."
    )


def _row(card: Card, size: int, measured: dict[str, Any] | None) -> list[str]:
    low, high = card.test["interval"]
    worst = max(row["scores_eps"] for row in card.proof["onnx"]["batches"].values())
    speeds = [NOT_MEASURED] * 3
    if measured:
        script = measured["torchscript_bytes"]
        speeds = [
            "none" if script is None else f"{script / 1e6:.2f} MB",
            f"{measured['latency_us']:,.0f} us",
            f"{measured['images_per_second']:,}",
        ]
    return [
        f"`{card.name}`",
        card.lab,
        f"{card.parameters:,}",
        f"{card.flops / 1e6:.3g}",
        mean(card.validation),
        mean(card.test),
        f"{card.test['accuracy']:.2%} ({low:.2%} to {high:.2%})",
        f"{card.ece['after']:.4f}",
        _lab(card.test),
        f"{size / 1e6:.2f} MB",
        *speeds,
        f"{worst:.1f}",
    ]


def _lab(test: dict[str, Any]) -> str:
    if "lab" not in test:
        return "none"
    gap = test["gap_in_standard_errors"]
    return f"{test['lab']:.2%}" + (f" ({gap:+.1f})" if gap is not None else "")


def leaderboards(cards: list[Card]) -> str:
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
    return text
