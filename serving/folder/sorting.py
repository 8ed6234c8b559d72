"""The files of a run copied or moved into a folder for each digit, and one for each other status."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from serving.folder.written import Row

How = Literal["copy", "move"]
PLACE = "{digit}"


class CannotSort(Exception):
    """A file cannot be put into its folder; the message names it."""


def sort(rows: Iterable[Row], into: str, how: How) -> Iterator[Path]:
    """Put each row's file where it belongs, and give the place. Done twice it changes nothing more.

    into: a folder's path in which {digit} stands for the digit, or for the status where there is none that is promised; at
    its end where it does not stand there. What is no file of its own (in an archive, behind a URL) stays. Raises CannotSort.
    """
    template = into if PLACE in into else f"{into.rstrip('/')}/{PLACE}"
    made: set[str] = set()
    for row in rows:
        folder = template.replace(PLACE, str(row.digit) if row.status == "digit" else row.status)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if os.path.isfile(row.source):
            try:
                yield Path(_put(row.source, folder, how))
            except OSError as error:
                raise CannotSort(f"{row.source} cannot be put into {folder}: {error.strerror}") from error


def _put(source: str, folder: str, how: How) -> str:
    target = _free(source, folder)
    if os.path.exists(target):
        return target  # it has been copied before
    if how == "copy":
        unfinished = f"{target}.part"
        shutil.copy2(source, unfinished)
        os.replace(unfinished, target)
    else:
        shutil.move(source, target)
    return target


def _free(source: str, folder: str) -> str:
    """A name that is not taken by another file: a second 7.png becomes 7-2.png. The same file again gets the same name."""
    name, ending = os.path.splitext(os.path.basename(source))
    number = 1
    while True:
        target = os.path.join(folder, f"{name}{'' if number == 1 else f'-{number}'}{ending}")
        if not os.path.lexists(target) or _is_copy(source, target):
            return target
        number += 1


def _is_copy(source: str, target: str) -> bool:
    one, other = os.stat(source), os.stat(target)
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
