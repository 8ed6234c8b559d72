"""The run: labelled pictures in, a folder with the answers, the figures and the wrong ones out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving import drawing
from serving.catalogue import Model
from serving.evaluation import answers, labels, report, sheet
from serving.evaluation.answers import Answered
from serving.reading import Limits


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of a run."""

    report: dict[str, Any]
    unread: list[Answered]
    """The pictures that could not be read."""
    wrong: int
    files: list[Path]
    """What was written, in the order of its use to a reader; no sheet where nothing is wrong."""


def folder_for(source: Path) -> Path:
    """Where an evaluation is written that is told no place: evaluation-NAME here, after the folder or the CSV."""
    whole = source.resolve()
    if whole.is_dir():
        return Path(f"evaluation-{whole.name}")
    return Path(f"evaluation-{whole.parent.name if whole.name == labels.FILE else whole.stem}")


def written_before(folder: Path) -> list[Path]:
    """The files of an earlier evaluation in a folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name in {answers.FILE, report.FILE} or sheet.is_page(path))


def evaluate(
    labelled: labels.LabelledSet, source: Path, model: Model, limits: Limits, folder: Path, advance: Callable[[], object]
) -> Evaluated:
    """Answer every picture and write answers.csv, report.json and wrong.png into a folder, which is made.

    What an earlier evaluation left there is replaced. answers.csv appears last, when all is there. advance: called once a
    picture. Raises OSError where something cannot be written.
    """
    folder.mkdir(exist_ok=True)
    with answers.Table(folder, labelled.columns, len(model.card.classes)) as table:
        answered = []
        for one in answers.answers(labelled.pictures, model, limits):
            table.write(one)
            # The pictures of right answers are not shown, and need not be held.
            answered.append(Answered(one.labelled, one.told, None) if one.is_right else one)
            advance()
        figures = report.report(answered, labelled.columns, model, source)
        for path in written_before(folder):
            if path.name != answers.FILE:
                path.unlink()
        wrong = sum(not one.is_right for one in answered)
        pages = _write_pages(answered, wrong, model, limits, folder)
        (folder / report.FILE).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    unread = [one for one in answered if one.told["status"] == "rejected"]
    return Evaluated(figures, unread, wrong, [folder / answers.FILE, folder / report.FILE, *pages])


def _write_pages(answered: list[Answered], wrong: int, model: Model, limits: Limits, folder: Path) -> list[Path]:
    paths = []
    for number, page in enumerate(sheet.pages(sheet.wrong_ones(answered), model.card.classes, limits, wrong), start=1):
        paths.append(folder / sheet.name(number))
        paths[-1].write_bytes(drawing.png(page))
    return paths
