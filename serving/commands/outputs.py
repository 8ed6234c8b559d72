"""What a run over files writes: made of the options, and seen to be possible before any work is done."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.commands.console import USAGE, stop
from serving.folder import finishing, parquet
from serving.folder.archives import is_archive
from serving.folder.rows import Format, Shape
from serving.folder.run import journal_of
from serving.folder.sinks import check_writable, part_of
from serving.folder.sorting import Sorted, Sorting
from serving.folder.urls import is_url

ENDINGS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where things go."""

    file: Path | None
    """For the rows; None is standard output."""
    shape: Shape
    seen: Path | None = None
    sorting: Sorting | None = None
    report: Path | None = None
    summary: Path | None = None

    @property
    def own(self) -> list[Path]:
        """Files that are written, and so are no inputs even where they lie among them."""
        own = [path for path in (self.report, self.summary) if path is not None]
        own += map(part_of, own[:])
        return own if self.file is None else [*own, self.file, *left_of(self.file)]

    def check(self, named: Sequence[str]) -> None:
        """End the program where something cannot be written. named: the inputs. Raises OSError."""
        self._check_together()
        self._check_beside(named)
        for path in self._files:
            check_writable(path)
        for folder in self._folders:
            _check_folder(folder)

    @property
    def _files(self) -> list[Path]:
        return [path for path in (self.file, self.report, self.summary) if path is not None]

    @property
    def _folders(self) -> list[Path]:
        base = None if self.sorting is None else Path(self.sorting.base)
        return [folder for folder in (self.seen, base) if folder is not None]

    def _check_together(self) -> None:
        if len({os.path.abspath(path) for path in self._files}) < len(self._files):  # noqa: PTH100  as it is named
            stop("The output, --report and --summary need a file each", USAGE)
        for option, is_given in (("--copy-into or --move", self.sorting), ("--report", self.report)):
            if is_given and self.file is None:
                stop(f"{option} needs the rows in a file: -o FILE", USAGE)
            if is_given and self.shape.format == "kaggle":
                stop(f"--kaggle tells too little of a file for {option}; leave one of them out", USAGE)
        if self.shape.format == "parquet":
            if self.file is None:
                stop("Parquet cannot go to standard output: -o OUT.parquet", USAGE)
            try:
                parquet.check()
            except parquet.ParquetMissing as error:
                stop(str(error), USAGE)

    def _check_beside(self, named: Sequence[str]) -> None:
        """What is written in among the inputs would be read, in this run or the next."""
        for name in named:
            for folder in self._folders:
                if Path(name).is_dir() and folder.resolve().is_relative_to(Path(name).resolve()):
                    stop(f"{folder} lies in {name}, all of which is read; choose a folder beside it", USAGE)
            if self.sorting and self.sorting.how == "moved" and (is_archive(name) or is_url(name)):
                stop(f"What is in {name} can be copied, not moved: --copy-into", USAGE)

    def make_way(self, *, overwrite: bool) -> None:
        """See that the output may be written; ends the program where it exists. Raises OSError."""
        if self.file is None:
            return
        if overwrite:
            for left in left_of(self.file):
                left.unlink(missing_ok=True)
        elif self.file.exists():
            stop(f"{self.file} exists; choose another name, or give --overwrite", USAGE)

    def lines(self, identity: str, placed: Sorted | None) -> Iterator[str]:
        """What was written, a line each. placed: what became of the files that were to be sorted."""
        if self.file is not None:
            yield f"{self.file}: written by {identity}"
        if self.report is not None:
            yield f"{self.report}: written"
        if self.sorting is not None and placed is not None:
            there = f", {placed.already:,} were there" if placed.already else ""
            yield f"{self.sorting.into}: {placed.placed:,} files {self.sorting.how}{there}"
            if placed.left:
                more = f" and {placed.left - len(placed.left_names):,} more" if placed.left > len(placed.left_names) else ""
                yield f"not {self.sorting.how}, as there is nothing to take: {', '.join(placed.left_names)}{more}"


def _check_folder(folder: Path) -> None:
    """See that a folder is there or can be made, without making it. Raises OSError."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir():
        stop(f"{there} is a file; name a folder", USAGE)
    try:
        check_writable(there / ".digits")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


def left_of(file: Path) -> list[Path]:
    """What stands beside an output until it is complete."""
    return [part_of(file), journal_of(file), finishing.finishing_of(file), finishing.converted_of(file)]


def format_of(file: Path | None, written: Format | None, *, kaggle: bool) -> Format:
    """The format that the output's ending says, or an option does; ends the program where that is none."""
    if kaggle:
        if (written or (file and ENDINGS.get(file.suffix.lower())) or "csv") != "csv":
            stop("--kaggle writes a CSV: end the output in .csv", USAGE)
        return "kaggle"
    if written is not None or file is None:
        return written or "csv"
    if file.suffix.lower() not in ENDINGS:
        *most, last = ENDINGS
        stop(f"{file} must end in {', '.join(most)} or {last}, or say --format", USAGE)
    return ENDINGS[file.suffix.lower()]


def sorting_of(copy_into: str | None, move: str | None) -> Sorting | None:
    """How files are sorted; ends the program where that is asked for in both ways."""
    if copy_into is not None and move is not None:
        stop("Files are copied or moved, not both: --copy-into or --move", USAGE)
    if copy_into is not None:
        return Sorting(copy_into, "copied")
    return None if move is None else Sorting(move, "moved")
