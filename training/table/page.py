"""The page as a whole."""

from pathlib import Path

from serving.card import read_card
from training import exercises, measured, robustness, speed
from training.table.catalogue import leaderboards, models_table
from training.table.exercises import exercises_table
from training.table.lower_precision import lower_precision
from training.table.spoiled import spoiled_and_doubtful

HEAD = """# Models

Written by `digits-train table` from the cards, `speed.json`, `robustness.json` and `exercises.json`; a test holds them
together. Accuracies are means over the seeds run, with their standard deviation; the file is seed 0's, whose test accuracy
stands with its 95 % Wilson interval. The gap to the lab's one run is in standard errors of one run against our mean. The
proof is the largest distance of the ONNX file's scores from float64, in eps of the largest score, with 64 allowed.

"""


def write(models: Path) -> Path:
    """Write the page for the models of a folder. Raises serving.card.CardInvalid."""
    path = models / "README.md"
    path.write_text(page(models), encoding="utf-8")
    return path


def page(models: Path) -> str:
    """The text of models/README.md."""
    cards = [read_card(folder / "card.json") for folder in sorted(models.iterdir()) if (folder / "card.json").exists()]
    speeds = measured.read(models / speed.FILE)
    parts = [HEAD, models_table(cards, models, speeds), leaderboards([card for card in cards if not card.quantised])]
    if any(card.quantised for card in cards):
        parts.append(lower_precision(cards, models, speeds))
    if wrong := measured.read(models / robustness.FILE):
        parts.append(spoiled_and_doubtful(wrong, [card for card in cards if card.dataset["name"] == robustness.DATASET]))
    if trained := measured.read(models / exercises.FILE):
        parts.append(exercises_table(trained, {card.name: card.validation for card in cards}))
    return "\n\n".join(part.strip() for part in parts) + "\n"
