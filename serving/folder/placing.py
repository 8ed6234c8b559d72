"""One file put where it belongs: nothing that lies there is replaced, and nothing is lost wherever it is cut off."""

import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from serving.folder.items import Item
from serving.folder.sinks import sync
from serving.outcome import Rejection
from serving.reading import Limits

How = Literal["copied", "moved"]
ALL_FAIL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""What no other file would fare better with."""


class NoBytes(Exception):
    """There is a file, but it cannot be read."""


def put(item: Item, path: str, how: How, limits: Limits, mark: str) -> bool:
    """Put an item where it belongs; whether that changed anything, as it is there if it has the same bytes.

    path: where to; a second 7.png becomes 7-2.png. mark: what names an unfinished file, the same one when it is done again.
    Only a plain file can be moved, anything else is copied. Raises NoBytes, OSError.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{mark}.part")
    Path(part).unlink(missing_ok=True)  # of a run that was cut off; it may be a second name of what that has put there
    if isinstance(item, str) and _is_same_name(item, path):
        return False
    if how == "moved" and isinstance(item, str) and not os.path.islink(item):
        try:
            return _name_freely(item, path, lambda there: _is_same(item, there))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    try:
        _copy(item, part, limits)
        if how == "moved":
            sync(Path(part))
        changed = _name_freely(part, path, lambda there: _is_same(part, there))
    except (OSError, NoBytes):
        Path(part).unlink(missing_ok=True)
        raise
    if how == "moved" and isinstance(item, str):
        sync(Path(folder))
        os.unlink(item)
    return changed


def _is_same_name(source: str, path: str) -> bool:
    """Whether a file lies where it belongs already."""
    return os.path.basename(source) == os.path.basename(path) and os.path.samefile(
        os.path.dirname(source) or ".", os.path.dirname(path)
    )


def _copy(item: Item, part: str, limits: Limits) -> None:
    if isinstance(item, str):
        shutil.copyfile(item, part)
        shutil.copystat(item, part)
        return
    data = item.read(limits)
    if isinstance(data, Rejection):
        raise NoBytes
    Path(part).write_bytes(data)


def _name_freely(file: str, path: str, is_there: Callable[[str], bool]) -> bool:
    """Give a file a name that is free, unless it is there already: then it loses its old one, and False is told."""
    for name in _names(path):
        if os.path.lexists(name) and is_there(name):
            os.unlink(file)
            return False
        try:
            _name(file, name)
        except FileExistsError:
            continue
        return True
    raise AssertionError("unreachable")


def _name(file: str, name: str) -> None:
    """Give a file another name. Raises FileExistsError where something has it, and other OSErrors."""
    try:
        os.link(file, name)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.EXDEV, *ALL_FAIL}:
            raise
        if os.path.lexists(name):  # this file system knows no second names
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
        os.rename(file, name)
    else:
        os.unlink(file)


def _names(path: str) -> Iterator[str]:
    yield path
    stem, ending = os.path.splitext(path)
    number = 2
    while True:
        yield f"{stem}-{number}{ending}"
        number += 1


def _is_same(one: str, other: str) -> bool:
    """Whether two files have the same bytes; a link has none of its own."""
    if os.path.islink(other) or not os.path.isfile(other):
        return False
    filecmp.clear_cache()  # it goes by names, sizes and times, which many parts have in common
    return filecmp.cmp(one, other, shallow=False)
