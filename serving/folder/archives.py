"""The files of zip and tar archives that were named, in a stable order, without unpacking any."""

import tarfile
import zipfile
from collections.abc import Iterator
from typing import Self

from serving.folder.chosen import Chosen
from serving.folder.items import ARCHIVE_FAULTS, UNREADABLE, Item, Refused, TarMember, ZipMember, source_of, stamp_of
from serving.outcome import Rejection
from serving.reading import Reason

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
LONGEST_NAME = 1 << 20
"""Bytes that may stand before a tar's member to name it: they are read at once, whatever they unpack to."""
NAMING = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip
DAMAGED = Rejection(Reason.DAMAGED)


def is_archive(path: str) -> bool:
    """Whether a named file is gone into; its ending says so."""
    return path.lower().endswith(ENDINGS)


def members(path: str, chosen: Chosen) -> Iterator[Item]:
    """What an archive holds, hidden files aside.

    Zip archives and plain tars go by name. A compressed tar goes as it is packed: it can be read in that order alone. What
    is no archive has a row like any file, and so has, as damaged, one that ends before its end: nobody knows what it lacks.
    """
    found = 0
    try:
        for item in _zip_members(path, chosen) if path.lower().endswith(".zip") else _tar_members(path, chosen):
            yield item
            found += 1
    except ARCHIVE_FAULTS:
        yield Refused(path, stamp_of(path), DAMAGED) if found else path


def _is_wanted(name: str, chosen: Chosen) -> bool:
    """Names are but names here; one that leads out of its archive leads nowhere."""
    is_hidden = any(part.startswith(".") and part.strip(".") for part in name.split("/")) or name.startswith("__MACOSX/")
    return not is_hidden and chosen.takes(name)


def _zip_members(path: str, chosen: Chosen) -> Iterator[Item]:
    with zipfile.ZipFile(path) as archive:
        found = [
            ZipMember(
                path, one.filename, one.header_offset, one.compress_size, one.file_size, one.CRC, one.compress_type,
                one.flag_bits,
            )
            for one in archive.infolist()
            if not one.filename.endswith("/") and _is_wanted(one.filename, chosen)
        ]  # fmt: skip
    yield from sorted(found, key=lambda one: (one.name, one.offset))


def _tar_members(path: str, chosen: Chosen) -> Iterator[Item]:
    try:
        with tarfile.open(path, "r:", tarinfo=_Header) as plain:
            found = sorted(_wanted(path, plain, chosen), key=source_of)
    except tarfile.ReadError:
        with tarfile.open(path, tarinfo=_Header) as packed:
            yield from _wanted(path, packed, chosen)
    else:
        yield from found


def _wanted(path: str, archive: tarfile.TarFile, chosen: Chosen) -> Iterator[Item]:
    for one in iter(archive.next, None):
        archive.members.clear()  # type: ignore[attr-defined]  # or all of them would be kept
        if one.isdir() or not _is_wanted(one.name, chosen):
            continue
        if one.isreg() and not one.issparse():
            yield TarMember(path, one.name, one.offset_data, one.size, one.mtime)
        else:
            yield Refused(f"{path}/{one.name}", "", UNREADABLE)  # a link or a device: nothing of its own to read


class _Header(tarfile.TarInfo):
    """A member's header that is read with less trust: tarfile takes any that it cannot read for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in NAMING and info.size > LONGEST_NAME:
            raise tarfile.ReadError("a name that is no name")
        return info

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            info = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the two empty blocks that end an archive
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None
        if info.size < 0:
            raise tarfile.ReadError("a size that is no size")
        return info
