"""Folders: every file below one, in a stable order."""

import os
from collections.abc import Iterator

from serving.folder.chosen import Chosen


def walk(folder: str, chosen: Chosen) -> Iterator[str]:
    """Every file of a folder and below, in the order of their paths.

    A folder that may not be listed is found itself, so that it has a row too. Hidden files and folders are not found, nor
    are links to folders, which could lead in circles; links to files are. Depth first and with a stack, because folders may
    be nested deeper than calls; of each folder on the way only the names are held.
    """
    root = _root(folder)
    stack = [_names(folder)]
    prefixes = [""]
    if stack[0] is None:
        yield folder
        return
    while stack:
        names, prefix = stack[-1], prefixes[-1]
        while names:
            path = prefix + names.pop()
            if not path.endswith("/"):
                if chosen.takes(path):
                    yield root + path
            elif chosen.enters(path[:-1]):
                inner = _names(root + path)
                if inner is None:
                    yield root + path[:-1]
                else:
                    stack.append(inner)
                    prefixes.append(path)
                    break
        else:
            stack.pop()
            prefixes.pop()


def strewn(folder: str, chosen: Chosen) -> Iterator[str]:
    """What walk finds, in no order, so that nothing of it is held: for who counts."""
    root = _root(folder)
    unseen = [""]
    while unseen:
        prefix = unseen.pop()
        try:
            for name in _entries(root + prefix or folder):
                path = prefix + name
                if not path.endswith("/"):
                    if chosen.takes(path):
                        yield root + path
                elif chosen.enters(path[:-1]):
                    unseen.append(path)
        except OSError:
            yield root + prefix[:-1] if prefix else folder


def _root(folder: str) -> str:
    return "" if folder == "." else folder.rstrip("/") + "/"


def _names(folder: str) -> list[str] | None:
    """The names in a folder, last first; None where it may not be listed."""
    try:
        names = list(_entries(folder))
    except OSError:
        return None
    names.sort(reverse=True)
    return names


def _entries(folder: str) -> Iterator[str]:
    """The names in a folder, those of folders with a slash, as they come. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and not (entry.is_symlink() and os.path.isdir(entry.path)):
                yield f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
