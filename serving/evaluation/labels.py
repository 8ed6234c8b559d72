"""What is to be measured: pictures with their labels, from a labels.csv or from folders named by the label."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

from serving.folder.chosen import ALL
from serving.folder.walk import walk

FILE = "labels.csv"
PATH, LABEL = "path", "label"


class LabelsUnusable(Exception):
    """There is nothing to measure with; the message names the file, and the line where there is one."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture and what is known of it."""

    source: str
    """Its path as labels.csv has it, or relative to the folder."""
    path: Path
    text: str
    """Its label as written."""
    label: int
    """The class that this means, counted from 0."""
    further: tuple[str, ...] = ()
    """Its values of the further columns."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """What is to be measured, in its order; at least one picture."""

    columns: tuple[str, ...]
    """The names of the further columns."""
    pictures: tuple[Labelled, ...]


def find_labels(source: Path, classes: Sequence[str], taken: Sequence[str] = (), output: Path | None = None) -> LabelledSet:
    """Find the labelled pictures of a CSV, of a folder with a labels.csv, or of one with a subfolder for each label.

    classes: the model's class names, in order; a label is one of these, whatever its case and punctuation, or its place.
    taken: names that no further column may have. output: a folder among the subfolders that is none of them.
    Whether the pictures exist is not asked. Raises LabelsUnusable.
    """
    names = tuple(classes)
    try:
        if not source.exists():
            raise LabelsUnusable(f"{source} does not exist")
        if not source.is_dir():
            return _from_csv(source, names, taken)
        if (source / FILE).exists():
            return _from_csv(source / FILE, names, taken)
        return _from_folders(source, names, output)
    except OSError as error:
        raise LabelsUnusable(f"{error.filename or source}: {error.strerror}") from error


def _from_folders(folder: Path, classes: tuple[str, ...], output: Path | None) -> LabelledSet:
    """Every file of each visible subfolder, with all below it. Files beside the subfolders have no label and are left."""
    subfolders = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if output is not None:
        subfolders = [path for path in subfolders if path.resolve() != output.resolve()]
    if not subfolders:
        raise LabelsUnusable(f"{folder} has no labels: neither a {FILE} nor a subfolder for each label")
    pictures: list[Labelled] = []
    for subfolder in subfolders:
        label = _label(subfolder.name, classes, str(subfolder))
        pictures += [
            Labelled(str(file.relative_to(folder)), file, subfolder.name, label)
            for file in map(Path, walk(str(subfolder), ALL))
        ]
    if not pictures:
        raise LabelsUnusable(f"{folder} has no pictures in its subfolders")
    return LabelledSet((), tuple(pictures))


def _from_csv(file: Path, classes: tuple[str, ...], taken: Sequence[str]) -> LabelledSet:
    """The rows of a CSV in UTF-8, with or without a byte order mark."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        lines = _lines(text, file)
        _, cells = next(lines, (0, []))
        header = [column.strip() for column in cells]
        _check_header(header, file, taken)
        pictures = tuple(_labelled(cells, header, file, line, classes) for line, cells in lines)
    if not pictures:
        raise LabelsUnusable(f"{file} has no rows")
    return LabelledSet(_further(header, header), pictures)


def _lines(text: TextIO, file: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank with the number of the line it ends on. Raises LabelsUnusable."""
    reader = csv.reader(text, strict=True)  # strict: a quote that is never closed would swallow the rest in silence
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise LabelsUnusable(f"{file} is not text in UTF-8") from error
    except csv.Error as error:
        raise LabelsUnusable(
            f"{file}, line {reader.line_num} is not CSV: a quote that is not closed, or a cell too long"
        ) from error


def _check_header(header: list[str], file: Path, taken: Sequence[str]) -> None:
    if not header:
        raise LabelsUnusable(f"{file} is empty")
    for column in (PATH, LABEL):
        if column not in header:
            raise LabelsUnusable(f"{file} has no column {column!r}; its columns are {', '.join(map(repr, header))}")
    for column, count in Counter(header).items():
        if count > 1:
            raise LabelsUnusable(f"{file} has {count} columns named {column!r}")
        if not column:
            raise LabelsUnusable(f"{file} has a column without a name")
        if column in taken:
            raise LabelsUnusable(f"{file} has a column {column!r}, which is a column of the answers; give it another name")


def _labelled(cells: list[str], header: list[str], file: Path, line: int, classes: tuple[str, ...]) -> Labelled:
    where = f"{file}, line {line}"
    if len(cells) != len(header):
        raise LabelsUnusable(f"{where} has {len(cells)} cells, and there are {len(header)} columns")
    source, text = cells[header.index(PATH)], cells[header.index(LABEL)]
    if not source:
        raise LabelsUnusable(f"{where} has no path")
    return Labelled(source, file.parent / source, text, _label(text, classes, where), _further(cells, header))


def _further(cells: list[str], header: list[str]) -> tuple[str, ...]:
    return tuple(cell for cell, column in zip(cells, header, strict=True) if column not in {PATH, LABEL})


@cache
def _known(classes: tuple[str, ...]) -> dict[str, int]:
    """Every way to write a label, to its class: its place, or its name where that is no number."""
    names = {_plain(name): place for place, name in enumerate(classes) if not name.isdecimal()}
    return names | {str(place): place for place in range(len(classes))}


def _plain(name: str) -> str:
    """A name without its case and punctuation: no folder can be named T-shirt/top, but T-shirt_top can.

    What has no letters keeps its punctuation: -1 is not 1.
    """
    words = re.sub(r"[\W_]+", " ", name) if re.search(r"[^\W\d_]", name) else name
    return words.strip().casefold()


def _label(text: str, classes: tuple[str, ...], where: str) -> int:
    label = _known(classes).get(_plain(text))
    if label is None:
        names = "" if classes[0] == "0" else f", or one of {', '.join(classes)}"
        raise LabelsUnusable(f"{where}: {text!r} is no label of this model; a label is 0 to {len(classes) - 1}{names}")
    return label
