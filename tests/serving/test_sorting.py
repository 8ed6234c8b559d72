"""Files go where their rows say, none is lost and none is replaced, wherever a sorting is cut off."""

import errno
import os
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.folder import sorting
from serving.folder.sorting import Sorting, sort
from serving.folder.written import Row
from serving.reading import Limits


def row(source: str, digit: int | None, status: str = "digit") -> Row:
    return Row(source, status, digit, None if digit is None else str(digit), 0.9, None)


def place(
    rows: list[Row], into: str, how: sorting.How = "moved", go_on: Callable[[], None] = lambda: None
) -> sorting.Sorted:
    return sort(lambda: rows, Sorting(into, how), Limits(), "test", go_on)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Two folders with files of the same names, sizes and times, one of which are the same bytes too."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        for number in range(4):
            path = Path("in", folder, f"{number}.png")
            path.write_bytes(b"same" if number == 3 else f"{folder}{number}xx".encode())
            os.utime(path, ns=(0, 0))
            rows.append(
                row(str(path), number % 2) if number < 2 else row(str(path), 7, ["unsure", "not_a_digit"][number % 2])
            )
    Path("in/empty.png").touch()
    return [*rows, row("in/empty.png", None, "rejected")]


MOVED = {
    "0/a/0.png": b"a0xx", "0/b/0.png": b"b0xx", "1/a/1.png": b"a1xx", "1/b/1.png": b"b1xx", "rejected/empty.png": b"",
    "unsure/a/2.png": b"a2xx", "unsure/b/2.png": b"b2xx", "not_a_digit/a/3.png": b"same", "not_a_digit/b/3.png": b"same",
}  # fmt: skip


def test_files_are_moved_into_a_folder_for_each_digit_and_each_other_status(rows: list[Row], tmp_path: Path) -> None:
    done = place(rows, "out")
    assert files(tmp_path / "out") == MOVED
    assert files(tmp_path / "in") == {}
    assert (done.placed, done.already, done.left, done.failed) == (9, 0, 0, 0)


def test_files_are_copied_with_their_times_and_stay(rows: list[Row], tmp_path: Path) -> None:
    before = files(tmp_path / "in")
    assert place(rows, "out", "copied").placed == 9
    assert files(tmp_path / "out") == MOVED
    assert files(tmp_path / "in") == before
    assert (tmp_path / "out/0/a/0.png").stat().st_mtime_ns == 0
    assert place(rows, "out", "copied").already == 9, "what was copied is not copied again"
    assert files(tmp_path / "out") == MOVED


def test_the_place_of_the_digit_can_be_anywhere(rows: list[Row], tmp_path: Path) -> None:
    place(rows, "out/is {digit}/x")
    assert (tmp_path / "out/is 0/x/a/0.png").exists()
    assert (tmp_path / "out/is unsure/x/b/2.png").exists()
    assert Sorting("out/is {digit}/x", "moved").base == "out"
    assert Sorting("{digit}", "moved").base == "."
    assert Sorting("out", "moved").base == "out"


def test_nothing_that_lies_there_is_replaced(rows: list[Row], tmp_path: Path) -> None:
    (tmp_path / "out/0/a").mkdir(parents=True)
    (tmp_path / "out/0/a/0.png").write_bytes(b"precious")
    (tmp_path / "out/0/a/0-2.png").symlink_to(tmp_path / "in/a/0.png")  # not its copy, though it has the same bytes
    place(rows, "out")
    assert (tmp_path / "out/0/a/0.png").read_bytes() == b"precious"
    assert (tmp_path / "out/0/a/0-3.png").read_bytes() == b"a0xx"


def test_bytes_are_compared_and_not_sizes_and_times(rows: list[Row], tmp_path: Path) -> None:
    target = tmp_path / "out/0/a/0.png"
    place(rows, "out", "copied")
    assert place(rows, "out", "copied").already == 9
    target.write_bytes(b"late")
    os.utime(target, ns=(0, 0))
    assert place(rows, "out", "copied").already == 8
    assert target.read_bytes() == b"late"
    assert target.with_name("0-2.png").read_bytes() == b"a0xx"


def test_a_file_that_lies_where_it_belongs_stays(rows: list[Row], tmp_path: Path) -> None:
    place(rows, "out")
    again = [row("out/0/a/0.png", 0), row("out/0/b/0.png", 0)]
    assert place(again, "out").already == 2
    assert place(again, "out", "copied").already == 2
    assert files(tmp_path / "out") == MOVED


def test_a_link_becomes_the_file_that_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("else.png").write_bytes(b"else")
    Path("in/link.png").symlink_to("../else.png")
    Path("in/lost.png").symlink_to("../nowhere")
    done = place([row("in/link.png", 1), row("in/lost.png", None, "rejected")], "out")
    assert files(tmp_path / "out") == {"1/link.png": b"else"}
    assert Path("else.png").exists()
    assert (done.placed, done.left, done.left_names) == (1, 1, ["in/lost.png"])
    assert os.path.lexists("in/lost.png")


@pytest.fixture(params=["same device", "other device", "no second names"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where files go: to the same file system, to another one, or to one such as FAT."""
    link = os.link

    def other(source: str, name: str) -> None:
        if not Path(source).name.startswith("."):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, name)

    def none(_source: str, _name: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if request.param != "same device":
        monkeypatch.setattr(os, "link", other if request.param == "other device" else none)
    return str(request.param)


class Crash(BaseException):
    """As if the process were killed."""


class Doom:
    """Counts the calls of the system that change something, and ends everything before or after one of them."""

    STEPS = (
        (os, "link"), (os, "unlink"), (os, "rename"), (os, "fsync"), (shutil, "copyfile"), (shutil, "copystat"),
    )  # fmt: skip

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_done: bool) -> None:
        self.calls, self.fatal, self.is_done = 0, 0, is_done
        monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # half a minute, were it real
        for module, name in self.STEPS:
            monkeypatch.setattr(module, name, self._breaking(getattr(module, name)))

    def _breaking(self, does: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            is_fatal = self.calls == self.fatal
            if is_fatal and not self.is_done:
                raise Crash
            try:
                return does(*arguments, **named)
            finally:
                if is_fatal:
                    raise Crash

        return call


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_wherever_a_sorting_is_cut_off_nothing_is_lost_and_it_goes_on(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    contents = Counter(files(tmp_path / "in").values())
    shutil.copytree("in", "keep")
    doom = Doom(monkeypatch, is_done=is_done)
    place(rows, "out")
    steps = doom.calls
    assert steps >= 18, "two for each of nine files, at least"
    for fatal in range(1, steps + 1):
        doom.fatal = 0
        shutil.rmtree("out")
        shutil.copytree("keep", "in", dirs_exist_ok=True)
        doom.calls, doom.fatal = 0, fatal
        with pytest.raises(Crash):
            place(rows, "out")
        there = Counter([*files(tmp_path / "in").values(), *files(tmp_path / "out").values()])
        assert not contents - there, f"nothing is lost at step {fatal}"
        place(rows, "out")
        assert files(tmp_path / "out") == MOVED
        assert files(tmp_path / "in") == {}


def test_a_full_disk_ends_it_and_leaves_no_half_file(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: str, target: str) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        place(rows, "out", "copied")
    assert files(tmp_path / "out") == {}


def test_one_file_that_fails_does_not_keep_the_others(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def refuse(source: str, name: str) -> None:
        if source == "in/b/1.png":
            raise OSError(errno.EACCES, "Permission denied")
        link(source, name)

    def refuse_rename(*_: str) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rename", refuse_rename)
    done = place(rows, "out")
    assert (done.placed, done.failed) == (8, 1)
    assert done.failures == ["in/b/1.png cannot be moved to out/1: Permission denied"]
    assert files(tmp_path / "in") == {"b/1.png": b"b1xx"}


def test_what_is_in_archives_is_copied_and_never_led_out_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("x/1.png", b"one")
        archive.writestr("../../1.png", b"out")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x/1.png", b"another one")
    for name in ("b.tar", "b.tar.gz"):
        with tarfile.open(name, "w:gz" if name.endswith("gz") else "w") as tar:
            for member in ("2.png", "3.png"):
                Path(member).write_bytes(name.encode() + member.encode())
                tar.add(member)
                Path(member).unlink()
    with zipfile.ZipFile("c.zip", "w") as archive:
        archive.writestr("x.png", b"nameless")
        archive.writestr("y.png", b"named")
    Path("c.zip").write_bytes(Path("c.zip").read_bytes().replace(b"x.png", b"\0.png"))
    rows = [
        row("a.zip/../../1.png", 1), row("a.zip/x/1.png", 1), row("a.zip/x/1.png", 1), row("b.tar/2.png", 2),
        row("b.tar/3.png", None, "rejected"), row("b.tar.gz/2.png", 2), row("b.tar.gz/3.png", 3), row("b.tar.gz/4.png", 4),
        row("c.zip/", 5), row("c.zip/y.png", 5),
    ]  # fmt: skip
    assert place(rows, "no").left == 10, "nothing is moved out of an archive"
    done = place(rows, "out", "copied")
    assert files(tmp_path / "out") == {
        "1/a.zip/_/_/1.png": b"out", "1/a.zip/x/1.png": b"one", "1/a.zip/x/1-2.png": b"another one",
        "2/b.tar/2.png": b"b.tar2.png", "rejected/b.tar/3.png": b"b.tar3.png",
        "2/b.tar.gz/2.png": b"b.tar.gz2.png", "3/b.tar.gz/3.png": b"b.tar.gz3.png",
        "5/c.zip/_": b"nameless", "5/c.zip/y.png": b"named",
    }  # fmt: skip
    assert (done.placed, done.left_names, done.failed) == (9, ["b.tar.gz/4.png"], 0)
    assert place(rows, "out", "copied").placed == 0
    assert len(files(tmp_path / "out")) == 9


def test_what_a_url_names_is_copied(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1.png").write_bytes(b"one")
    url = fsspec.filesystem("file").unstrip_protocol(str(tmp_path / "store" / "1.png"))
    rows = [row(url, 1), row(url.replace("1.png", "2.png"), 2)]
    assert place(rows, str(tmp_path / "no")).left == 2, "nothing is moved out of a store"
    assert place(rows, str(tmp_path / "out"), "copied").left == 1
    assert files(tmp_path / "out") == {"1/1.png": b"one"}


def test_names_that_are_not_utf8_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    name = os.fsdecode(b'in/\xff,"\n.png')
    Path(name).write_bytes(b"x")
    place([row(name, 1)], "out")
    assert [path.name for path in Path("out/1").iterdir()] == [Path(name).name]
