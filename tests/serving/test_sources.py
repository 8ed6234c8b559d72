"""Whatever is named is found, every file once for each time it is named, in a stable order, and nothing can hang it."""

import http.server
import io
import os
import socket
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import pytest
from answering import answered

from serving.catalogue import Model
from serving.folder import lists
from serving.folder.chosen import ALL, Chosen
from serving.folder.items import source_of, stamp_of
from serving.folder.sources import Sources, SourceUnusable
from serving.folder.urls import UrlUnusable
from serving.reading import Limits


@pytest.fixture
def scans(tmp_path: Path, digits: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    for name, digit in {
        "1.png": 1,
        "2.jpg": 2,
        "b/3.png": 3,
        "b/deep/4.png": 4,
        ".hidden/5.png": 5,
        ".6.png": 6,
        "c/7.png": 7,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(digits[digit])
    monkeypatch.chdir(tmp_path)
    return tmp_path


VISIBLE = ["1.png", "2.jpg", "b/3.png", "b/deep/4.png", "c/7.png"]


def found(*named: str, chosen: Chosen = ALL, listed: Path | None = None) -> list[str]:
    return list(map(source_of, Sources(named, chosen=chosen, list_file=listed)))


# What is in folders


def test_a_folder_is_gone_through_by_name_with_all_below_it_but_hidden_files(scans: Path) -> None:
    assert found(".") == VISIBLE
    assert found(str(scans)) == [f"{scans}/{name}" for name in VISIBLE]
    assert found("./b/", "c") == ["b/3.png", "b/deep/4.png", "c/7.png"]
    assert found(".hidden", ".6.png") == [".hidden/5.png", ".6.png"], "what is named is meant"


def test_links_to_files_are_followed_and_links_to_folders_are_not_unless_named(scans: Path) -> None:
    (scans / "c" / "link.png").symlink_to(scans / "1.png")
    (scans / "c" / "up").symlink_to(scans)
    assert found("c") == ["c/7.png", "c/link.png"]
    assert found("c/up/b") == ["c/up/b/3.png", "c/up/b/deep/4.png"]
    assert found("c/up") == [
        f"c/up/{name}" for name in ["1.png", "2.jpg", "b/3.png", "b/deep/4.png", "c/7.png", "c/link.png"]
    ]


def test_a_link_to_itself_costs_its_neighbours_nothing(scans: Path, model: Model) -> None:
    (scans / "c" / "loop").symlink_to("loop")
    (scans / "c" / "there").symlink_to("back")
    (scans / "c" / "back").symlink_to("there")
    expected = [("c/7.png", "7"), ("c/back", "unreadable"), ("c/loop", "unreadable"), ("c/there", "unreadable")]
    assert answered(Sources(["c"]), model) == expected


def test_what_is_no_file_has_a_row_and_nobody_waits_for_it(
    scans: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(scans / "c" / "fifo.png")
    listener = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(scans / "c")
    with listener:
        listener.bind("socket.png")
        os.symlink("/dev/zero", "zero.png")  # noqa: PTH211
        rows = answered(Sources(["."]), model)
    assert rows == [("7.png", "7"), ("fifo.png", "unreadable"), ("socket.png", "unreadable"), ("zero.png", "unreadable")]


def test_a_file_that_may_not_be_read_is_a_row(scans: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refuse(path: str, flags: int) -> int:
        """As the system does without permission, which it never withholds from root."""
        if path == "b/3.png":
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags)

    monkeypatch.setattr("os.open", refuse)
    assert answered(Sources(["b", "c"]), model) == [("b/3.png", "unreadable"), ("b/deep/4.png", "4"), ("c/7.png", "7")]
    assert scans.is_dir()


def test_a_file_that_goes_between_is_a_row(scans: Path, model: Model) -> None:
    items = list(Sources(["."]))
    (scans / "1.png").unlink()
    (scans / "b" / "3.png").unlink()
    (scans / "b" / "3.png").mkdir()
    assert answered(items, model)[:3] == [("1.png", "unreadable"), ("2.jpg", "2"), ("b/3.png", "unreadable")]


def test_a_file_that_grows_and_one_that_shrinks_while_they_are_read_are_read_as_they_end(
    scans: Path, model: Model, digits: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scans / "1.png"
    fstat = os.fstat
    for then in (digits[7], digits[7] * 2 + bytes(4000)):
        path.write_bytes(digits[1])

        def change(descriptor: int, then: bytes = then) -> os.stat_result:
            stood = fstat(descriptor)
            path.write_bytes(then)
            return stood

        with monkeypatch.context() as patch:
            patch.setattr("os.fstat", change)
            assert answered(["1.png"], model) == [("1.png", "7")]


def test_a_million_names_stand_in_one_folder_as_well_as_ten(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for place in range(20_000):
        (folder / f"{place}.png").touch()
    assert found(str(folder)) == sorted(f"{folder}/{place}.png" for place in range(20_000))


# Names that are given


@pytest.mark.usefixtures("scans")
def test_whatever_is_named_twice_is_found_twice_and_in_its_place() -> None:
    assert found("c", "1.png", "c", "1.png") == ["c/7.png", "1.png", "c/7.png", "1.png"]


def test_a_mix_of_everything_has_one_order_each_time(scans: Path, digits: list[bytes]) -> None:
    with zipfile.ZipFile(scans / "c" / "z.zip", "w") as archive:
        archive.writestr("9.png", digits[9])
        archive.writestr("8.png", digits[8])
    (scans / "list.txt").write_bytes(b"2.jpg\nc/z.zip\nb\n")
    assert found("c") == ["c/7.png", "c/z.zip"], "an archive that is but found is a file"
    sources = Sources(["c/z.zip", "[12].*", "b/deep", f"file://{scans}/1.png"], list_file=Path("list.txt"))
    expected = [
        "c/z.zip/8.png", "c/z.zip/9.png", "1.png", "2.jpg", "b/deep/4.png", f"file://{scans}/1.png",
        "2.jpg", "c/z.zip/8.png", "c/z.zip/9.png", "b/3.png", "b/deep/4.png",
    ]  # fmt: skip
    assert [source_of(item) for item in sources] == expected == [source_of(item) for item in sources]


@pytest.mark.parametrize(
    "name", ['comma,quote".png', "line\nbreak.png", "[1].png", "*.png", "a\\b.png", " space .png", "-dash.png", "%41.png"]
)
def test_a_name_is_itself_before_it_is_anything_else(name: str, scans: Path, digits: list[bytes], model: Model) -> None:
    (scans / "odd").mkdir()
    (scans / "odd" / name).write_bytes(digits[9])
    (scans / "odd" / "1.png").write_bytes(digits[1])
    assert answered(Sources([f"odd/{name}"]), model) == [(f"odd/{name}", "9")]
    assert sorted(answered(Sources(["odd"]), model)) == sorted([(f"odd/{name}", "9"), ("odd/1.png", "1")])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["1.png"]),
        ("*", VISIBLE),
        ("[bc]", ["b/3.png", "b/deep/4.png", "c/7.png"]),
        ("**", VISIBLE),
        ("**/*.png", ["1.png", "b/3.png", "b/deep/4.png", "c/7.png"]),
        ("./**/*.jpg", ["2.jpg"]),
        ("./[12].*", ["1.png", "2.jpg"]),
        ("b/**", ["b/3.png", "b/deep/4.png"]),
        ("?/**/[34].png", ["b/3.png", "b/deep/4.png"]),
        ("**/deep/*", ["b/deep/4.png"]),
        (".*.png", [".6.png"]),
        (".hidden/*", [".hidden/5.png"]),
    ],
)
def test_a_quoted_pattern_finds_what_the_shells_would_and_no_file_twice(
    pattern: str, expected: list[str], scans: Path
) -> None:
    (scans / "b" / "loop").symlink_to(scans)
    (scans / "b" / "again").symlink_to(scans)
    assert found(pattern) == expected


@pytest.mark.usefixtures("scans")
def test_patterns_include_and_exclude_by_name_and_by_path() -> None:
    assert found(".", chosen=Chosen(include=["*.png"])) == ["1.png", "b/3.png", "b/deep/4.png", "c/7.png"]
    assert found(".", chosen=Chosen(include=["*.png", "*.jpg"], exclude=["[1-3].*"])) == ["b/deep/4.png", "c/7.png"]
    assert found(".", chosen=Chosen(exclude=["deep"])) == ["1.png", "2.jpg", "b/3.png", "c/7.png"]
    assert found(".", chosen=Chosen(include=["b/*"])) == ["b/3.png", "b/deep/4.png"]
    assert found(".", chosen=Chosen(exclude=["b/deep"])) == ["1.png", "2.jpg", "b/3.png", "c/7.png"]
    assert found("1.png", "2.jpg", "b", chosen=Chosen(include=["*.png"])) == ["1.png", "b/3.png", "b/deep/4.png"]


# Lists


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"\n\n\r\n", []),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\n b \r\n", ["a", " b "]),
        (b"\xef\xbb\xbfa\r\nb\r\n", ["a", "b"]),
        (b"a\nb\0c\0\0", ["a\nb", "c"]),
        (b"a\r\0", ["a\r"]),
        (b"a\0b", ["a", "b"]),
        (b'\xff,"\n', [os.fsdecode(b'\xff,"')]),
    ],
)
def test_a_list_is_of_lines_or_ended_by_nul(raw: bytes, expected: list[str]) -> None:
    assert list(lists.names(io.BytesIO(raw))) == expected


@pytest.mark.parametrize("end", [b"\0", b"\n"])
def test_a_list_may_come_in_pieces_of_any_size(end: bytes) -> None:
    names = [f"{place}{'x' * (299 - place % 300)}" for place in range(2000)]
    raw = end.join(name.encode() for name in names)

    class Pipe(io.BytesIO):
        def read1(self, _size: int | None = -1) -> bytes:
            return self.read(7)

    assert list(lists.names(Pipe(raw))) == names


def test_what_a_list_names_and_is_not_there_has_its_row(scans: Path, model: Model) -> None:
    (scans / "list").write_bytes(b"1.png\nmissing.png\n*.png\nb\nmissing.zip\n" + b"x" * 5000 + b"\n2.jpg\n")
    assert answered(Sources([], list_file=Path("list")), model) == [
        ("1.png", "1"), ("missing.png", "unreadable"), ("*.png", "unreadable"), ("b/3.png", "3"), ("b/deep/4.png", "4"),
        ("missing.zip", "unreadable"), ("x" * 5000, "unreadable"), ("2.jpg", "2"),
    ]  # fmt: skip


def test_nul_amid_a_list_of_lines_is_an_odd_name_and_no_end(scans: Path, model: Model) -> None:
    raw = b"1.png\n" * 20_000 + b"a\0.png\nb\0.zip\n2.jpg\n"
    (scans / "list").write_bytes(raw)
    rows = answered(list(Sources([], list_file=Path("list")))[-3:], model)
    assert rows == [("a\0.png", "unreadable"), ("b\0.zip", "unreadable"), ("2.jpg", "2")]


@pytest.mark.usefixtures("scans")
def test_standard_input_is_a_list_where_a_dash_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"b\0" + b"2.jpg\0")))
    sources = Sources(["1.png", "-", "c"])
    assert not sources.can_repeat
    assert list(map(source_of, sources)) == ["1.png", "b/3.png", "b/deep/4.png", "2.jpg", "c/7.png"]


def test_a_list_may_be_a_pipe(scans: Path) -> None:
    os.mkfifo(scans / "list")
    writer = threading.Thread(target=lambda: (scans / "list").write_text("1.png\nc\n"))
    sources = Sources([], list_file=Path("list"))
    assert not sources.can_repeat
    writer.start()
    assert list(map(source_of, sources)) == ["1.png", "c/7.png"]
    writer.join()


# URLs


@pytest.fixture
def memory(digits: list[bytes]) -> Iterator[str]:
    store = fsspec.filesystem("memory")
    for name, data in {
        "b/2.png": digits[2],
        "1.png": digits[1],
        ".hidden/3.png": digits[3],
        "note.txt": b"?",
        "big.png": bytes(2000),
    }.items():
        store.pipe(f"/scans/{name}", data)
    yield "memory://scans"
    store.rm("/scans", recursive=True)


def test_a_url_names_one_file_or_all_below_it(memory: str, model: Model) -> None:
    assert answered(Sources([memory]), model) == [
        ("memory:///scans/1.png", "1"), ("memory:///scans/b/2.png", "2"), ("memory:///scans/big.png", "not_an_image"),
        ("memory:///scans/note.txt", "not_an_image"),
    ]  # fmt: skip
    assert answered(Sources([f"{memory}/b/2.png", f"{memory}/.hidden"]), model) == [
        ("memory:///scans/b/2.png", "2"), ("memory:///scans/.hidden/3.png", "3"),
    ]  # fmt: skip
    assert found(memory, chosen=Chosen(include=["*.png"], exclude=["b/*"])) == [
        "memory:///scans/1.png",
        "memory:///scans/big.png",
    ]
    assert found(f"{memory}/note.txt", chosen=Chosen(include=["*.png"])) == []


def test_a_remote_file_that_is_too_long_is_not_fetched(memory: str, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    items = list(Sources([f"{memory}/big.png", f"{memory}/1.png"]))
    opened, opens = [], fsspec.open

    def watched(url: str, mode: str) -> object:
        opened.append(url)
        return opens(url, mode)

    monkeypatch.setattr("fsspec.open", watched)
    limits = Limits(max_bytes=1000)
    assert [told for _, told in answered(items, model, limits)] == ["too_many_bytes", "1"]
    assert opened == ["memory:///scans/1.png"]


def test_a_remote_file_that_goes_between_is_a_row(memory: str, model: Model) -> None:
    items = list(Sources([f"{memory}/1.png", f"{memory}/b"]))
    fsspec.filesystem("memory").rm("/scans/1.png")
    assert [told for _, told in answered(items, model)] == ["unreadable", "2"]


def test_a_url_within_another_keeps_both(memory: str, digits: list[bytes], model: Model) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("4.png", digits[4])
    fsspec.filesystem("memory").pipe("/scans/a.zip", packed.getvalue())
    assert answered(Sources([f"zip://::{memory}/a.zip"]), model) == [("zip://4.png::memory://scans/a.zip", "4")]


def test_a_url_in_a_list_that_is_not_there_has_its_row(memory: str, model: Model, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{memory}/missing.png\n{memory}/1.png\n")
    rows = answered(Sources([], list_file=tmp_path / "list"), model)
    assert rows == [(f"{memory}/missing.png", "unreadable"), ("memory:///scans/1.png", "1")]


def test_what_may_be_counted_beforehand_is_what_costs_nothing_to_list_again(scans: Path) -> None:
    assert Sources(["1.png", "*", "b"]).can_repeat
    assert not Sources(["1.png", "file://b"]).can_repeat
    assert scans.is_dir()


@pytest.fixture
def site(scans: Path) -> Iterator[str]:
    """A web server of the scans on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(scans))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_web_address_is_one_file(site: str, model: Model) -> None:
    assert answered(Sources([f"{site}/b/3.png", f"{site}/1.png"]), model) == [
        (f"{site}/b/3.png", "3"),
        (f"{site}/1.png", "1"),
    ]
    with pytest.raises(UrlUnusable, match=f"{site}/missing.png does not exist, or holds nothing"):
        found(f"{site}/missing.png")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("memory://nowhere", "memory://nowhere does not exist, or holds nothing"),
        ("nonsense://scans", "nonsense://scans cannot be listed: Protocol not known: nonsense"),
        ("http://127.0.0.1:1/a.png", "http://127.0.0.1:1/a.png does not exist, or holds nothing"),
    ],
)
def test_a_url_that_cannot_be_asked_is_told_in_one_line(url: str, told: str) -> None:
    with pytest.raises(UrlUnusable) as raised:
        found(url)
    assert str(raised.value) == told


def test_without_fsspec_a_url_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UrlUnusable, match=r"memory://scans needs the package fsspec: pip install 'digits\[urls\]'"):
        found("memory://scans")


# What cannot be used


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("missing", "missing does not exist"),
        ("1.png/2.png", "1.png/2.png does not exist"),
        ("a\0b", "a\0b does not exist"),
        ("*.tiff", "*.tiff matches nothing"),
        ("**/*.tiff", "**/*.tiff matches nothing"),
        ("x" * 300, f"{'x' * 300}: File name too long"),
    ],
)
@pytest.mark.usefixtures("scans")
def test_a_name_that_cannot_be_used_is_told_in_one_line(named: str, told: str) -> None:
    with pytest.raises(SourceUnusable) as raised:
        Sources(["1.png", named])
    assert str(raised.value) == told


def test_a_folder_that_is_named_and_may_not_be_listed_is_told(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_list(monkeypatch, "b")
    with pytest.raises(SourceUnusable, match="b: Permission denied"):
        Sources(["b"])
    assert found(".") == ["1.png", "2.jpg", "b", "c/7.png"], "one that is below is a row, which its file has to have"
    assert scans.is_dir()


def refuse_to_list(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """As the system does without permission, which it never withholds from root."""
    scandir = os.scandir

    def scan(path: str) -> object:
        if path.rstrip("/") == folder:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", scan)


@pytest.mark.parametrize(
    ("listed", "told"), [("nowhere", "nowhere does not exist"), ("b", "b is a folder; --list takes a file of names")]
)
@pytest.mark.usefixtures("scans")
def test_a_list_that_is_none_is_told(listed: str, told: str) -> None:
    with pytest.raises(SourceUnusable) as raised:
        Sources([], list_file=Path(listed))
    assert str(raised.value) == told


def test_a_remote_files_stamp_tells_that_it_has_changed(memory: str, digits: list[bytes]) -> None:
    [before] = Sources([f"{memory}/1.png"])
    assert [stamp_of(one) for one in Sources([f"{memory}/1.png"])] == [stamp_of(before)]
    fsspec.filesystem("memory").pipe("/scans/1.png", digits[2][:-1] + b"\n")
    assert [stamp_of(one) for one in Sources([f"{memory}/1.png"])] != [stamp_of(before)]
