"""What there is to predict: paths to files, in a stable order, and what is in them."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from serving.outcome import Rejection
from serving.reading import Limits, Reason


class SourceUnusable(Exception):
    """A path that was named does not exist, or is the output."""


def find(paths: Sequence[Path], outputs: Collection[Path] = ()) -> Iterator[Path]:
    """Every file of the paths, folders with all their subfolders, sorted by name within each folder.

    Whatever a file's ending, it is found: a row tells what it was. A folder that may not be listed is found itself, so
    that it has a row too. Hidden files and folders below a named folder are not found, nor are links to folders, which
    could lead in circles; links to files are. outputs: files that may lie inside and are no input. Raises SourceUnusable
    before the first file.
    """
    own = {path.name: path.resolve() for path in outputs}
    for path in paths:
        if not path.exists():
            raise SourceUnusable(f"{path} does not exist")
        if _is_output(path, own):
            raise SourceUnusable(f"{path} is an input and the output")
    for path in paths:
        for file in _walk(path) if path.is_dir() else iter([path]):
            if not _is_output(file, own):
                yield file


def _is_output(path: Path, own: dict[str, Path]) -> bool:
    return path.name in own and path.resolve() == own[path.name]


def _walk(folder: Path) -> Iterator[Path]:
    """Depth first; a stack, because folders may be nested deeper than calls."""
    stack: list[Iterator[os.DirEntry[str] | Path]] = [iter([folder])]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif isinstance(entry, Path) or entry.is_dir(follow_symlinks=False):
            try:
                with os.scandir(entry) as entries:
                    visible = [entry for entry in entries if not entry.name.startswith(".")]
                stack.append(iter(sorted(visible, key=lambda entry: entry.name)))
            except OSError:
                yield Path(entry)
        elif not entry.is_dir():
            yield Path(entry.path)


def contents(path: Path, limits: Limits) -> bytes | Rejection:
    """A file's bytes, or why it has none: a file that is too long is not read at all."""
    try:
        if not path.is_file():
            return Rejection(Reason.UNREADABLE)
        if path.stat().st_size > limits.max_bytes:
            return Rejection(Reason.TOO_MANY_BYTES)
        return path.read_bytes()
    except OSError:
        return Rejection(Reason.UNREADABLE)
