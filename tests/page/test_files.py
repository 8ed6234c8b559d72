"""What is served as the page, without a browser."""

import re
from pathlib import Path

import httpx
import pytest

from serving.http.page import CONTENT_TYPES, FOLDER, HEADERS, assets

INDEX = (FOLDER / "index.html").read_text()
SOURCES = sorted(FOLDER.glob("*.js"))


def test_every_file_of_the_folder_is_served_under_its_name() -> None:
    expected = {path.name for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES} - {"index.html"}
    assert assets().keys() == {"/"} | {f"/page/{name}" for name in expected}
    assert assets()["/"].content_type == "text/html; charset=utf-8"
    assert assets()["/page/main.js"].content_type == "text/javascript; charset=utf-8"


def test_an_etag_changes_with_the_file_and_not_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p {}")
    (tmp_path / "__init__.py").write_text("")
    first = assets(tmp_path)
    assert list(first) == ["/page/a.css"]
    assert assets(tmp_path) == first
    (tmp_path / "a.css").write_text("b {}")
    assert assets(tmp_path)["/page/a.css"].etag != first["/page/a.css"].etag


def test_whatever_the_page_names_is_there() -> None:
    named = re.findall(r'(?:src|href)="(/page/[^"]+)"', INDEX)
    named += [found for path in SOURCES for found in re.findall(r'"(/page/[^"]+)"', path.read_text())]
    named += [f"/page/{found}" for path in SOURCES for found in re.findall(r'from "\./([^"]+)"', path.read_text())]
    assert len(set(named)) >= len(SOURCES)
    assert set(named) <= assets().keys()


def test_every_module_is_used() -> None:
    used = set(re.findall(r'src="/page/([^"]+\.js)"', INDEX))
    used |= {found for path in SOURCES for found in re.findall(r'from "\./([^"]+)"', path.read_text())}
    assert used == {path.name for path in SOURCES}


@pytest.mark.parametrize(
    "path", [path for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES], ids=lambda path: path.name
)
def test_nothing_names_another_host(path: Path) -> None:
    found = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text()))
    assert found <= {"http://www.w3.org"}, "the name of SVG; nothing is fetched from it"


def test_there_is_no_script_or_style_in_the_document() -> None:
    assert "<style" not in INDEX
    assert not re.search(r"<script(?![^>]*\bsrc=)", INDEX)
    assert not re.search(r"\s(?:style|on\w+)=", INDEX)


def test_it_is_served_with_its_headers_and_only_once(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        for path, asset in assets().items():
            response = client.get(path)
            assert (response.status_code, response.content) == (200, asset.body)
            assert response.headers["content-type"] == asset.content_type
            for name, value in HEADERS:
                assert response.headers[name.decode()] == value.decode()
            again = client.get(path, headers={"if-none-match": response.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
