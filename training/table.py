"""models/README.md: what the cards and all that was measured beside them say, as one page, none of it typed by hand."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

from serving.card import Card, read_card
from training import exercises, quantise, robustness, speed
from training.corruptions import ANGLES, CORRUPTIONS
from training.label_errors import DOUBTED

HEAD = """# Models

Written by `digits-train table` from the cards, `speed.json`, `robustness.json` and `exercises.json`; a test holds them
together. Accuracies are means over the seeds run, with their standard deviation; the file is seed 0's, whose test accuracy
stands with its 95 % Wilson interval. The gap to the lab's one run is in standard errors of one run against our mean. The
proof is the largest distance of the ONNX file's scores from float64, in eps of the largest score, with 64 allowed.

"""

COLUMNS = (
    "model", "lab", "parameters", "MFLOP", "validation", "test", "test, seed 0 (95 %)", "calibration error",
    "the lab's figure (gap)", "model.onnx", "model.ts", "one picture", "pictures/s at 64", "proof",
)  # fmt: skip
EXERCISE_COLUMNS = ("exercise", "asked", "parameters", "validation", "test", "beside", "difference on validation")
MARK = " †"
SPOILED = ("model", robustness.CLEAN, *CORRUPTIONS)
DOUBTED_COLUMNS = ("model", "test", "without them", "wrong of them")
ROBUSTNESS = """Wrong answers in percent of the {total:,} test pictures, corrupted in the fifteen ways of MNIST-C (Mu and
Gilmer 2019) by generators of our own; of each model's file, once it was finished, and for no choice. † marks a kind that the
model's own training pictures were varied by; none was trained on what these generators make. A 95 % Wilson interval reaches
at most 1.0 points to either side."""
DOUBTFUL = """The test accuracy of each file, and without the {count} test pictures whose label fewer than three of five
people agreed with (Northcutt et al. 2021; `training/label_errors.py` has their numbers)."""
QUANTISED_COLUMNS = (
    "model", "made of", "test, before and after", "answers changed", "became wrong, right", "calibration error, after",
    "model.onnx, of before", "pictures/s at 64, times before",
)  # fmt: skip
NOT_MEASURED = "not measured"


def write(models: Path) -> Path:
    """Write the page for the models of a folder. Raises serving.card.CardInvalid."""
    path = models / "README.md"
    path.write_text(page(models), encoding="utf-8")
    return path


def page(models: Path) -> str:
    """The text of models/README.md."""
    cards = [read_card(folder / "card.json") for folder in sorted(models.iterdir()) if (folder / "card.json").exists()]
    speeds = _read(models / speed.FILE)
    rows = [
        _row(card, (models / card.name / "model.onnx").stat().st_size, _speed(card, speeds))
        for card in sorted(cards, key=lambda card: card.lab)
    ]
    parts = [HEAD + _table(COLUMNS, 2, rows)]
    if speeds:
        versions = ", ".join(f"{name} {version}" for name, version in speeds["versions"].items())
        parts.append(
            f"Speed: ONNX Runtime, {speeds['hardware']}, {versions}, medians of {speeds['rounds']} interleaved rounds "
            "(`digits-train measure`)."
        )
    parts.append(_leaderboards([card for card in cards if not card.quantised]))
    if quantised := [card for card in cards if card.quantised]:
        parts.append(_quantised(quantised, models, speeds))
    if measured := _read(models / robustness.FILE):
        parts.append(_robustness(measured, [card for card in cards if card.dataset["name"] == robustness.DATASET]))
    if measured := _read(models / exercises.FILE):
        parts.append(_exercises(measured, {card.name: card.validation for card in cards}))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _speed(card: Card, speeds: dict[str, Any]) -> dict[str, Any] | None:
    """What was measured of this very file; a figure of another one is none."""
    measured: dict[str, Any] | None = speeds.get("models", {}).get(card.name)
    return measured if measured and measured["onnx_sha256"] == card.onnx_sha256 else None


def _table(columns: tuple[str, ...], left: int, rows: list[list[str]]) -> str:
    lines = [list(columns), ["---"] * left + ["---:"] * (len(columns) - left), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
        _mean(card.validation),
        _mean(card.test),
        f"{card.test['accuracy']:.2%} ({low:.2%} to {high:.2%})",
        f"{card.ece['after']:.4f}",
        _lab(card.test),
        f"{size / 1e6:.2f} MB",
        *speeds,
        f"{worst:.1f}",
    ]


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
    return text


def _quantised(cards: list[Card], models: Path, speeds: dict[str, Any]) -> str:
    """The models of whole numbers, each beside the one that it was made of."""
    rows = []
    for card in cards:
        assert card.quantised is not None
        source, changed = card.quantised["from"], card.quantised["changed"]["test"]
        size, whole = ((models / name / "model.onnx").stat().st_size for name in (source, card.name))
        fast, faster = (speeds.get("models", {}).get(name, {}).get("images_per_second") for name in (source, card.name))
        rows.append([
            f"`{card.name}`",
            f"`{source}`",
            f"{card.quantised['accuracy_before']['test']:.2%}, {card.test['accuracy']:.2%}",
            f"{changed['changed']:,} of {changed['pictures']:,}",
            f"{changed['became_wrong']}, {changed['became_right']}",
            f"{card.ece['after']:.4f}",
            f"{whole / size:.2f}",
            f"{faster / fast:.1f}" if fast and faster else NOT_MEASURED,
        ])  # fmt: skip
    told = (
        "## Lower precision\n\nMade of seed 0's file by `digits-train quantise`, each a model of its own, proved against a "
        f"reference of its own, its temperature fitted anew; {quantise.HOW}.\n\n"
    )
    return told + _table(QUANTISED_COLUMNS, 2, rows)


def _robustness(measured: dict[str, Any], cards: list[Card]) -> str:
    """What is wrong of spoiled pictures and of doubtful labels, each model's file beside the others."""
    told = {card.name: measured["models"].get(card.name) for card in cards}
    models = {card.name: one for card in cards if (one := told[card.name]) and one["onnx_sha256"] == card.onnx_sha256}
    missing = [card.name for card in cards if card.name not in models]
    total, turned = measured["pictures"], [robustness.spoiled_name(angle) for angle in ANGLES]
    versions = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    parts = [
        f"## Corrupted and turned pictures\n\n{ROBUSTNESS.format(total=total)} {versions} (`digits-train robustness`).",
        "By the network alone, which is shown the corrupted 28x28 as it is (the paper's figure):",
        _table((*SPOILED, "mean of the fifteen"), 1, _spoiled(models, "network", total)),
        "After the reading, which is given a file of it and may place the digit anew or find none; that counts as wrong:",
        _table((*SPOILED, "mean of the fifteen"), 1, _spoiled(models, "reading", total)),
        "Turned by so many degrees, anticlockwise where positive; by the network alone:",
        _table(
            ("model", *map(str, ANGLES)),
            1,
            [
                [
                    f"`{name}`" + (MARK if "rotate" in one["augmented"] else ""),
                    *(_share(one["network"][angle], total) for angle in turned),
                ]
                for name, one in models.items()
            ],
        ),
        f"## Doubtful labels\n\n{DOUBTFUL.format(count=len(DOUBTED))}",
        _table(DOUBTED_COLUMNS, 1, [_doubted(name, one, total) for name, one in models.items()]),
    ]
    if missing:
        parts.append(f"{NOT_MEASURED}: {', '.join(missing)}.")
    return "\n\n".join(parts)


def _spoiled(models: dict[str, Any], how: str, total: int) -> list[list[str]]:
    """A row for each model, the best mean first; a mark where it was trained on pictures of that kind."""
    means = {name: statistics.fmean(one[how][kind] for kind in CORRUPTIONS) for name, one in models.items()}
    return [
        [
            f"`{name}`",
            _share(models[name][how][robustness.CLEAN], total),
            *(
                _share(models[name][how][kind], total) + (MARK if kind in models[name]["augmented"] else "")
                for kind in CORRUPTIONS
            ),
            _share(means[name], total),
        ]
        for name in sorted(means, key=lambda name: means[name])
    ]


def _share(count: float, total: int) -> str:
    return f"{count / total * 100:.1f}"


def _doubted(name: str, one: dict[str, Any], total: int) -> list[str]:
    wrong, left = one["network"][robustness.CLEAN], total - len(DOUBTED)
    without = wrong - one["doubted"]
    return [f"`{name}`", f"{1 - wrong / total:.2%}", f"{1 - without / left:.2%}", str(one["doubted"])]


def _exercises(measured: dict[str, Any], models: dict[str, dict[str, Any]]) -> str:
    """The exercises, each beside what it changes."""
    validations = models | {name: one["validation"] for name, one in measured.items()}
    rows = [
        [
            f"`{name}`",
            f"{one['lab']}: {one['asked']}",
            f"{one['parameters']:,}",
            _mean(one["validation"]),
            _mean(one["test"]),
            f"`{one['against']}`",
            _difference(one["validation"], validations[one["against"]]),
        ]
        for name, one in measured.items()
    ]
    hardware = ", ".join(sorted({one["hardware"] for one in measured.values()}))
    return (
        "## The labs' exercises\n\nTrained and compared, not exported. A difference is in percentage points, with how "
        f"many of its standard errors it is. {hardware}.\n\n" + _table(EXERCISE_COLUMNS, 2, rows)
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The difference of two means over seeds, and its size in standard errors (Welch 1947)."""
    points = one["mean"] - other["mean"]
    error = math.sqrt(sum((figures["sd"] or 0) ** 2 / len(figures["seeds"]) for figures in (one, other)))
    return f"{points * 100:+.2f}" + (f" ({points / error:+.1f})" if error else "")
