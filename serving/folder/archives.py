"""The files of zip and tar archives that were named, in a stable order, without unpacking any."""

import tarfile
import zipfile
from collections.abc import Iterator

from serving.folder.chosen import Chosen
from serving.folder.items import TOO_LONG, UNREADABLE, Held, Item, TarMember, ZipMember
from serving.reading import Limits

ENCRYPTED = 0x1
IS_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_archive(path: str) -> bool:
    """Whether a named file is gone into; its ending says so."""
    return path.lower().endswith((".zip", *IS_TAR))


def members(path: str, chosen: Chosen, limits: Limits) -> Iterator[Item]:
    """What an archive holds, hidden files aside; the archive itself where it cannot be opened, so that it has a row.

    Zip archives and plain tars go by name. A compressed tar goes as it is packed: it can be read but once.
    """
    try:
        if path.lower().endswith(".zip"):
            yield from _zip_members(path, chosen)
        else:
            yield from _tar_members(path, chosen, limits)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError):
        yield path


def _is_wanted(name: str, chosen: Chosen) -> bool:
    is_hidden = any(part.startswith(".") and part != "." for part in name.split("/")) or name.startswith("__MACOSX/")
    return not is_hidden and chosen.takes(name)


def _zip_members(path: str, chosen: Chosen) -> Iterator[Item]:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and _is_wanted(info.filename, chosen)]
    for info in sorted(infos, key=lambda info: (info.filename, info.header_offset)):
        yield ZipMember(path, info.filename, info.header_offset, info.file_size, info.CRC)


def _tar_members(path: str, chosen: Chosen, limits: Limits) -> Iterator[Item]:
    try:
        with tarfile.open(path, "r:") as plain:
            found = [one for one in plain if not one.isdir() and _is_wanted(one.name, chosen)]
    except tarfile.ReadError:
        yield from _packed_members(path, chosen, limits)
        return
    for one in sorted(found, key=lambda one: one.name):
        if one.isreg() and not one.issparse():
            yield TarMember(path, one.name, one.offset_data, one.size, one.mtime)
        else:
            yield Held(f"{path}/{one.name}", UNREADABLE)  # a link or a device: nothing of its own to read


def _packed_members(path: str, chosen: Chosen, limits: Limits) -> Iterator[Item]:
    with tarfile.open(path, "r|*") as archive:
        for one in archive:
            if one.isdir() or not _is_wanted(one.name, chosen):
                continue
            file = archive.extractfile(one) if one.isreg() else None
            if file is None:
                yield Held(f"{path}/{one.name}", UNREADABLE)
            elif one.size > limits.max_bytes:
                yield Held(f"{path}/{one.name}", TOO_LONG)
            else:
                yield Held(f"{path}/{one.name}", file.read())
            archive.members = []  # type: ignore[attr-defined]  # or all of them would be kept
