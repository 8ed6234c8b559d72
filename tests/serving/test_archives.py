"""Zip and tar archives as folders: every member has its row, none is unpacked to disk, and none can do harm."""

import gzip
import io
import os
import random
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from answering import answered

from serving.catalogue import Model
from serving.folder.archives import members
from serving.folder.chosen import ALL, Chosen
from serving.folder.items import Item, ZipMember, fetch, source_of
from serving.reading import Limits

Members = dict[str, bytes]


@pytest.fixture
def files(digits: list[bytes]) -> Members:
    """In no order."""
    return {
        "b/2.png": digits[2],
        "a/deep/1.png": digits[1],
        "0.png": digits[0],
        "b/note.txt": b"no picture",
        "b/.3.png": digits[3],
    }


EXPECTED = {"0.png": "0", "a/deep/1.png": "1", "b/2.png": "2", "b/note.txt": "not_an_image"}


def zipped(path: Path, files: Members, method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("b")
        for name, data in files.items():
            archive.writestr(name, data)
    return str(path)


def tarred(path: Path, files: Members, mode: str = "w") -> str:
    with tarfile.open(path, mode) as archive:
        folder = tarfile.TarInfo("b")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


def found(path: str, model: Model, chosen: Chosen = ALL, limits: Limits | None = None) -> list[tuple[str, str]]:
    """The rows of an archive, by the names within it; "" is its own."""
    rows = answered(members(path, chosen), model, limits)
    return [(source.removeprefix(path).removeprefix("/"), told) for source, told in rows]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archives_files_have_their_rows_by_name(method: int, files: Members, model: Model, tmp_path: Path) -> None:
    assert found(zipped(tmp_path / "scans.zip", files, method), model) == list(EXPECTED.items())


def test_a_zip_archive_that_was_written_to_a_pipe_or_for_large_files_is_read(
    digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    pipe = Pipe(b"")
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", digits[1])
        with archive.open("2.png", "w", force_zip64=True) as file:
            file.write(digits[2])
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n" + pipe.getvalue())  # what stands before an archive is none of it
    assert found(str(tmp_path / "a.zip"), model) == [("1.png", "1"), ("2.png", "2")]


def test_a_plain_tar_archives_files_have_their_rows_by_name(files: Members, model: Model, tmp_path: Path) -> None:
    assert found(tarred(tmp_path / "scans.tar", files), model) == list(EXPECTED.items())


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_compressed_tar_archives_files_have_their_rows_as_they_are_packed(
    packing: str, files: Members, model: Model, tmp_path: Path
) -> None:
    path = tarred(tmp_path / f"scans.tar.{packing}", files, f"w:{packing}")
    assert found(path, model) == [(name, EXPECTED[name]) for name in files if name in EXPECTED]


@pytest.mark.parametrize("name", ["scans.tgz", "SCANS.TAR.GZ", "scans.tar"])
def test_a_tar_archives_ending_need_not_tell_its_compression(
    name: str, files: Members, model: Model, tmp_path: Path
) -> None:
    assert len(found(tarred(tmp_path / name, files, "w:gz"), model)) == len(EXPECTED)


@pytest.mark.parametrize("make", [zipped, lambda path, files: tarred(path, files, "w:gz")])
def test_patterns_choose_among_an_archives_files(
    make: Callable[[Path, Members], str], files: Members, model: Model, tmp_path: Path
) -> None:
    path = make(tmp_path / "scans.zip", files) if make is zipped else make(tmp_path / "scans.tgz", files)
    assert {name for name, _ in found(path, model, Chosen(include=["*.png"]))} == {"0.png", "a/deep/1.png", "b/2.png"}
    assert {name for name, _ in found(path, model, Chosen(exclude=["b/*"]))} == {"0.png", "a/deep/1.png"}


def test_a_member_may_be_read_again_and_in_any_order(files: Members, tmp_path: Path) -> None:
    for path in (
        tarred(tmp_path / "a.tar.xz", files, "w:xz"),
        tarred(tmp_path / "a.tar", files),
        zipped(tmp_path / "a.zip", files),
    ):
        items = list(members(path, ALL))
        for item in [*reversed(items), *items]:
            assert fetch(item, Limits()).data == files[source_of(item).removeprefix(path + "/")]


def test_a_name_that_stands_twice_in_an_archive_has_two_rows(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", digits[1])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("1.png", digits[7])
    assert found(str(tmp_path / "a.zip"), model) == [("1.png", "1"), ("1.png", "7")]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for digit in (1, 7):
            info = tarfile.TarInfo("1.png")
            info.size = len(digits[digit])
            tar.addfile(info, io.BytesIO(digits[digit]))
    assert found(str(tmp_path / "a.tar"), model) == [("1.png", "1"), ("1.png", "7")]


def test_names_that_lead_out_of_an_archive_are_but_names(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    files = {"../../up.png": digits[1], "/etc/absolute.png": digits[2], "./here.png": digits[3], "a//b.png": digits[4]}
    before = set(tmp_path.rglob("*"))
    rows = found(zipped(tmp_path / "a.zip", files), model)
    assert {(name.lstrip("/"), told) for name, told in rows} == {
        ("../../up.png", "1"), ("etc/absolute.png", "2"), ("./here.png", "3"), ("a//b.png", "4"),
    }  # fmt: skip
    assert {told for _, told in found(tarred(tmp_path / "a.tgz", files, "w:gz"), model)} == set("1234")
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "a.zip", tmp_path / "a.tgz"}


def test_names_that_are_not_utf8_are_the_bytes_they_are(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {os.fsdecode(b'\xff\xe9,"\n.png'): digits[5]})
    [(name, told)] = found(path, model)
    assert (os.fsencode(name), told) == (b'\xff\xe9,"\n.png', "5")


def test_an_encrypted_member_is_refused_and_its_neighbours_are_not(
    digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"1.png": digits[1], "2.png": digits[2]}))
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2", 0, data.rindex(b"PK\1\2")) + 8] |= 0x1  # the flag in the directory's second last entry
    path.write_bytes(data)
    assert found(str(path), model) == [("1.png", "unreadable"), ("2.png", "2")]


def test_links_and_devices_in_an_archive_are_refused(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for name, kind in [
            ("soft", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("zero", tarfile.CHRTYPE),
            ("fifo", tarfile.FIFOTYPE),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor, info.devminor = kind, "/etc/passwd", 1, 5
            archive.addfile(info)
        info = tarfile.TarInfo("z.png")
        info.size = len(digits[9])
        archive.addfile(info, io.BytesIO(digits[9]))
    expected = [
        ("soft", "unreadable"),
        ("hard", "unreadable"),
        ("zero", "unreadable"),
        ("fifo", "unreadable"),
        ("z.png", "9"),
    ]
    assert found(str(tmp_path / "a.tgz"), model) == expected


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
def test_what_is_no_archive_has_a_row_like_any_file(name: str, digits: list[bytes], model: Model, tmp_path: Path) -> None:
    path = tmp_path / name
    for data, told in [(b"", "empty"), (b"no archive", "not_an_image"), (digits[4], "4"), (b"\1" * 2000, "not_an_image")]:
        path.write_bytes(data)
        assert found(str(path), model) == [("", told)]


def test_an_empty_archive_has_no_rows(model: Model, tmp_path: Path) -> None:
    assert found(zipped(tmp_path / "a.zip", {}), model) == []
    assert found(tarred(tmp_path / "a.tar", {}), model) == []
    assert found(tarred(tmp_path / "a.tgz", {}, "w:gz"), model) == []


def test_a_zip_archive_that_is_cut_has_one_row(files: Members, model: Model, tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", files))
    path.write_bytes(path.read_bytes()[:-30])
    assert found(str(path), model) == [("", "not_an_image")]


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
def test_a_tar_archive_that_is_cut_keeps_what_came_before_and_says_that_it_is_damaged(
    packing: str, kept: float, model: Model, digits: list[bytes], tmp_path: Path
) -> None:
    files = {
        f"{place:02d}.png": digits[place % 10] + struct.pack("<I", zlib.crc32(b"%d" % place)) * 500 for place in range(40)
    }
    path = Path(tarred(tmp_path / f"a.tar.{packing}", files, f"w:{packing}"))
    whole = found(str(path), model)
    assert len(whole) == 40
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    *rows, last = found(str(path), model)
    assert last in {("", "damaged"), ("", "unsupported_format"), ("", "not_an_image")}
    assert last[1] == "damaged" or not rows
    assert rows[:-1] == whole[: len(rows)][:-1], "the last of them may be the one that is cut"


def test_a_member_that_is_cut_is_unreadable_though_a_picture_may_be_whole(
    digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    path = Path(tarred(tmp_path / "a.tar", {"1.png": digits[1], "2.png": digits[2] + bytes(100)}))
    with tarfile.open(path) as archive:
        last = archive.getmember("2.png")
    path.write_bytes(path.read_bytes()[: last.offset_data + last.size - 50])
    assert found(str(path), model) == [("1.png", "1"), ("2.png", "unreadable"), ("", "damaged")]


def test_a_tar_archive_that_is_damaged_amid_does_not_seem_to_end_there(
    digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    path = Path(tarred(tmp_path / "a.tar", {f"{digit}.png": digits[digit] for digit in range(10)}))
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        amid = archive.getmember("5.png").offset
    data[amid : amid + 512] = b"\x5a" * 512
    path.write_bytes(data)
    assert found(str(path), model) == [*((f"{digit}.png", str(digit)) for digit in range(5)), ("", "damaged")]
    path.write_bytes(data[:amid])
    assert found(str(path), model)[-1] == ("", "damaged"), "without the two empty blocks, who knows what is missing"


def test_damaged_members_cost_nobody_but_themselves(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", {f"{digit}.png": digits[digit] for digit in range(10)}))
    data = bytearray(path.read_bytes())
    at = data.index(b"5.png") + 100
    data[at : at + 20] = bytes(20)
    path.write_bytes(data)
    assert found(str(path), model) == [(f"{digit}.png", str(digit) if digit != 5 else "unreadable") for digit in range(10)]


BIG = 64 * 2**20


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_member_that_unpacks_to_too_much_is_refused_without_unpacking_it(
    kind: str, digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    files = {"big.png": bytes(BIG), "small.png": digits[6]}
    path = zipped(tmp_path / "a.zip", files) if kind == "zip" else tarred(tmp_path / f"a.{kind}", files, f"w:{kind[4:]}")
    assert Path(path).stat().st_size < BIG / 100
    tracemalloc.start()
    rows = found(path, model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == [("big.png", "too_many_bytes"), ("small.png", "6")]
    assert peak < BIG / 4


def test_a_zip_member_that_is_longer_than_it_says_is_not_unpacked_further(model: Model, tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"big.png": bytes(BIG)}))
    [item] = members(str(path), ALL)
    assert isinstance(item, ZipMember)
    liar = ZipMember(item.archive, item.name, item.offset, item.packed_size, 1000, item.crc, item.method, item.flags)
    tracemalloc.start()
    assert answered([liar], model) == [(f"{path}/big.png", "unreadable")]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BIG / 4


@pytest.mark.parametrize(("form", "size"), [(tarfile.USTAR_FORMAT, BIG), (tarfile.GNU_FORMAT, -BIG)])
def test_a_name_in_a_tar_archive_that_unpacks_to_too_much_is_not_unpacked(
    form: int, size: int, model: Model, tmp_path: Path
) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, size
    with gzip.open(tmp_path / "a.tgz", "wb") as file:
        file.write(header.tobuf(form))
        file.write(bytes(BIG))
    tracemalloc.start()
    assert [told for _, told in found(str(tmp_path / "a.tgz"), model)] == ["not_an_image"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BIG / 4


def test_the_members_of_a_compressed_tar_archive_are_not_held(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tgz", {f"{place}.png": b"" for place in range(5000)}, "w:gz")
    tracemalloc.start()
    assert sum(1 for _ in members(path, ALL)) == 5000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5000 * 100


def test_a_tar_header_with_a_negative_size_ends_the_archive_and_not_the_patience(
    digits: list[bytes], model: Model, tmp_path: Path
) -> None:
    path = Path(tarred(tmp_path / "a.tar", {"1.png": digits[1], "2.png": digits[2]}))
    with tarfile.open(path) as archive:
        at = archive.getmember("2.png").offset
    data = bytearray(path.read_bytes())
    data[at + 124 : at + 136] = (b"\xff" * 8) + struct.pack(">i", -1536)  # in base 256, as GNU tar writes large ones
    block = bytearray(data[at : at + 512])
    block[148:156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    path.write_bytes(data)
    began = time.monotonic()
    assert found(str(path), model) == [("1.png", "1"), ("", "damaged")]
    assert time.monotonic() - began < 5


def test_an_archive_that_goes_while_it_is_read_refuses_what_remains(files: Members, model: Model, tmp_path: Path) -> None:
    for path in (tarred(tmp_path / "gone.tar", files), zipped(tmp_path / "gone.zip", files)):
        items: list[Item] = list(members(path, ALL))
        Path(path).unlink()
        assert {told for _, told in answered(items, model)} == {"unreadable"}


def test_a_zip_archive_whose_names_cannot_be_read_has_one_row(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"é.png": digits[1]}))
    path.write_bytes(path.read_bytes().replace("é.png".encode(), b"\xff\xff.png"))  # it says that they are UTF-8
    assert found(str(path), model) == [("", "not_an_image")]


def test_a_file_without_a_name_has_its_row_too(digits: list[bytes], model: Model, tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "a.zip", {"x.png": digits[1], "y.png": digits[2]}))
    path.write_bytes(path.read_bytes().replace(b"x.png", b"\0.png"))  # names end there
    assert found(str(path), model) == [("", "1"), ("y.png", "2")]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_whatever_is_done_to_an_archives_bytes_it_has_rows_and_no_exception(
    kind: str, files: Members, model: Model, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, files)
    else:
        tarred(path, files, f"w:{kind[4:]}")
    whole, rng = path.read_bytes(), random.Random(6)  # noqa: S311
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 20)):
            place = rng.randrange(len(data))
            data[place : place + rng.choice([1, 1, 4])] = rng.randbytes(rng.choice([1, 1, 4]))
        path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        for item in members(str(path), ALL):
            assert source_of(item).startswith(str(path))
            assert fetch(item, Limits())
    path.write_bytes(whole)
    assert len(found(str(path), model)) == len(EXPECTED)
