"""The page of --report: what it counts and shows, whatever the files are called, and how large it may get."""

import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from job_here import predict_here
from PIL import Image

from serving.catalogue import Model
from serving.folder import report
from serving.folder.report import BINS, OF_A_REASON, SHOWN, gather
from serving.folder.rows import Format, Shape
from serving.folder.run import Answerer
from serving.folder.written import Row
from serving.reading import Limits

HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202egnp.\n.png"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "elements are closed in their order"

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "img"]


@pytest.fixture
def scans(tmp_path: Path, digits: list[bytes], broken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scans"
    folder.mkdir()
    for digit, data in enumerate(digits):
        (folder / f"{digit}.png").write_bytes(data)
    for reason, data in broken.items():
        (folder / f"{reason}.png").write_bytes(data)
    (folder / HOSTILE).write_bytes(digits[5])
    (folder / ("\udcff" + HOSTILE)).write_bytes(b"no picture")
    Image.new("RGB", (400, 300), (250, 240, 200)).save(folder / "blank.jpg")
    return folder


def page_of(inputs: list[Path], model: Model, form: Format = "csv") -> tuple[str, Page]:
    predict_here(inputs, model, Path(f"out.{form}"), Shape(form), report=Path("r.html"), overwrite=True)
    text = Path("r.html").read_text(encoding="utf-8")
    return text, Page(text)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_page_has_the_counts_and_the_pictures(form: Format, scans: Path, doubting: Model) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    _, page = page_of([scans], doubting, form)
    assert "20 found = 8 digit + 2 unsure + 1 not_a_digit + 1 blank + 8 rejected" in page.text
    assert re.search(r"not_an_image: 2\s+The file is not a picture", page.text)
    assert f"out.{form}" in page.text
    # 11 guesses and the blank one, and what is no digit twice, each with what was read of it.
    assert len(page.images) == 2 * (11 + 1 + 1)
    captions = re.findall(r"5, 55.0%: unsure", page.text)
    assert len(captions) == 2


def test_the_page_asks_nobody_and_runs_nothing(scans: Path, doubting: Model) -> None:
    text, page = page_of([scans], doubting)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert all(str(image["src"]).startswith("data:image/") for image in page.images)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"href", "srcset", "background"}], tag
    assert not re.search(r"url\(|@import|https?:", text)
    assert page.open == [], "whatever was opened is closed"


def test_a_hostile_name_is_only_a_text(scans: Path, doubting: Model) -> None:
    text, page = page_of([scans], doubting)
    assert "<img src=x" not in text
    shown = HOSTILE.replace("\u202e", "\\u202e").replace("\n", "\\n")
    assert shown in page.text
    assert "\\udcff" + shown in page.text
    assert "\u202e" not in text


def test_a_page_of_nothing_is_a_page(tmp_path: Path, doubting: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    _, page = page_of([Path("empty")], doubting)
    assert "0 found = " in page.text
    assert page.images == []


def test_pictures_in_archives_are_shown(
    tmp_path: Path, digits: list[bytes], doubting: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.zip", "w") as archive:
        for digit in (5, 1, 3):
            archive.writestr(f"{digit}.png", digits[digit])
    _, page = page_of([Path("a.zip")], doubting)
    assert len(page.images) == 2 * (3 + 1)


def rows(count: int) -> Iterator[Row]:
    for place in range(count):
        if place % 3 == 2:
            yield Row(f"gone/{place}.png", "rejected", None, None, None, "truncated")
        else:
            yield Row(f"gone/{place}.png", "digit", place % 10, str(place % 10), 1 - place / count / 2, None)


def test_of_many_rows_the_least_sure_are_shown_and_the_first_of_each_reason() -> None:
    gathered = gather(rows(3000))
    assert gathered.account.found == 3000
    assert gathered.reasons == {"truncated": 1000}
    assert [place for place, _ in gathered.first["truncated"]] == [2 + 3 * rank for rank in range(OF_A_REASON)]
    confidences = [row.confidence for row in rows(3000) if row.confidence is not None]
    assert [row.confidence for _, row in gathered.least_sure] == sorted(confidences)[:SHOWN]
    assert sum(gathered.histogram) == 2000
    assert len(gathered.histogram) == BINS
    assert gathered.histogram[: BINS // 2] == [0] * (BINS // 2)


def test_files_that_are_gone_leave_a_page_without_their_pictures(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    by = Answerer(model.identity, model.card, model.session.library)
    page = Page(report.page(gather(rows(300)), by, Limits(), "out.csv", lambda: None))
    assert page.images == []
    assert "and 88 more" in page.text


def test_the_page_stays_small_whatever_the_pictures_are(
    tmp_path: Path, doubting: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise is what a picture's file is largest of."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    rng = np.random.default_rng(0)
    for place in range(SHOWN + 40):
        side = 64 if place % 2 else 300
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(f"scans/{place:03d}.png")
    text, page = page_of([Path("scans")], doubting)
    assert len(page.images) >= 2 * 12
    assert len(text) < 3_000_000


def test_a_file_that_ends_its_reader_is_not_read_again(model: Model, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    fetch = report.fetch
    monkeypatch.setattr(report, "fetch", lambda item, limits: read.append(str(item)) or fetch(item, limits))
    by = Answerer(model.identity, model.card, model.session.library)
    crashed = Row(str(scans / "1.png"), "rejected", None, None, None, "crashed")
    truncated = Row(str(scans / "2.png"), "rejected", None, None, None, "truncated")
    report.page(gather([crashed, truncated]), by, Limits(), "out.csv", lambda: None)
    assert read == [str(scans / "2.png")]
