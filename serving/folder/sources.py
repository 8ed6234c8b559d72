"""What there is to predict: paths to files, in a stable order."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path


class SourceMissing(Exception):
    """A path that was named does not exist."""


def find(paths: Sequence[Path], leave_out: Collection[Path] = ()) -> Iterator[Path]:
    """Every file of the paths, folders with all their subfolders, sorted by name within each folder.

    Whatever a file's ending, it is found: a row tells what it was. Hidden files and folders below a named folder are not,
    nor are links to folders, which could lead in circles; links to files are followed. leave_out: the output, which may
    lie inside. Raises SourceMissing before the first file where a path does not exist.
    """
    for path in paths:
        if not path.exists():
            raise SourceMissing(f"{path} does not exist")
    left_out = {path.absolute() for path in leave_out}
    for path in paths:
        for file in _walk(path) if path.is_dir() else iter([path]):
            if file.absolute() not in left_out:
                yield file


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        ordered = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif not entry.is_dir():
            yield Path(entry.path)
