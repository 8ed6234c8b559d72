"""The models of whole numbers, each beside the one that it was made of."""

from pathlib import Path
from typing import Any

from serving.card import Card
from training import measured, quantisation
from training.table.markdown import NOT_MEASURED, table

COLUMNS = (
    "model", "made of", "test, before and after", "answers changed", "became wrong, right", "calibration error, after",
    "model.onnx, of before", "pictures/s at 64, times before",
)  # fmt: skip


def lower_precision(cards: list[Card], models: Path, speeds: dict[str, Any]) -> str:
    """A row for each model of whole numbers among all models. speeds: what models/speed.json says, or nothing."""
    rows, of_name = [], {card.name: card for card in cards}
    for card in cards:
        if card.quantised is None:
            continue
        source, changed = of_name[card.trained_as], card.quantised["changed"]["test"]
        size, whole = ((models / one.name / "model.onnx").stat().st_size for one in (source, card))
        slow, fast = (measured.of_file(one, speeds) for one in (source, card))
        rows.append([
            f"`{card.name}`",
            f"`{source.name}`",
            f"{card.quantised['accuracy_before']['test']:.2%}, {card.test['accuracy']:.2%}",
            f"{changed['changed']:,} of {changed['pictures']:,}",
            f"{changed['became_wrong']}, {changed['became_right']}",
            f"{card.ece['after']:.4f}",
            f"{whole / size:.2f}",
            f"{fast['images_per_second'] / slow['images_per_second']:.1f}" if fast and slow else NOT_MEASURED,
        ])  # fmt: skip
    told = (
        "## Lower precision\n\nMade of seed 0's file by `digits-train quantise`, each a model of its own, proved against a "
        f"reference of its own, its temperature fitted anew; {quantisation.HOW}.\n\n"
    )
    return told + table(COLUMNS, 2, rows)
