"""What is served as the page, without a browser."""

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest

from serving.http.page import CONTENT_TYPES, FOLDER, HEADERS, LOCAL, POLICY, RUNTIME, WORKER, Asset, assets
from serving.reading import Limits
from serving.reading.refusal import MESSAGES
from serving.settings import DEFAULT_MODEL

FETCHED = FOLDER / "runtime"
"""What `make web` puts there is others' work."""
INDEX = (FOLDER / "index.html").read_text()
OURS = sorted(path for path in FOLDER.rglob("*") if path.suffix in CONTENT_TYPES and FETCHED not in path.parents)
SOURCES = [path for path in OURS if path.suffix == ".js"]


def ours(folder: Path = FOLDER) -> dict[str, Asset]:
    return assets(Limits(), folder)


def address(path: Path) -> str:
    return f"/page/{path.relative_to(FOLDER).as_posix()}"


def imported(path: Path) -> set[Path]:
    """The modules that one imports."""
    return {(path.parent / found).resolve() for found in re.findall(r'from "(\.[^"]+)"', path.read_text())}


def test_every_file_of_the_folder_is_served_under_its_name() -> None:
    served = {path for path in ours() if not path.startswith("/page/runtime/")}
    assert served == {"/", LOCAL} | {address(path) for path in OURS} - {"/page/index.html"}
    assert ours()["/"].content_type == "text/html; charset=utf-8"
    assert ours()["/page/main.js"].content_type == "text/javascript; charset=utf-8"


def test_an_etag_changes_with_the_file_and_not_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p {}")
    (tmp_path / "__init__.py").write_text("")
    first = ours(tmp_path)
    assert first.keys() == {"/page/a.css", LOCAL}
    assert ours(tmp_path) == first
    (tmp_path / "a.css").write_text("b {}")
    assert ours(tmp_path)["/page/a.css"].etag != first["/page/a.css"].etag


def test_the_page_is_told_whether_a_model_can_run_in_the_browser_and_the_limits(tmp_path: Path) -> None:
    told = json.loads(assets(Limits(max_pixels=7), tmp_path)[LOCAL].body)
    assert told["can_run"] is False
    assert told["limits"]["max_pixels"] == 7
    runtime = tmp_path / f"{RUNTIME}.gz"
    runtime.parent.mkdir()
    runtime.write_bytes(gzip.compress(b"\0asm"))
    served = ours(tmp_path)
    assert json.loads(served[LOCAL].body)["can_run"] is True
    wasm = served[f"/page/{RUNTIME}"]
    assert (wasm.content_type, gzip.decompress(wasm.body)) == ("application/wasm", b"\0asm")
    assert (b"content-encoding", b"gzip") in wasm.headers


def test_the_worker_alone_may_compile_webassembly() -> None:
    allowed = {path for path, asset in ours().items() if "unsafe" in asset.policy}
    assert allowed == {WORKER}
    assert "unsafe" not in POLICY
    assert "'unsafe-eval'" not in ours()[WORKER].policy


def test_whatever_the_page_names_is_there() -> None:
    named = set(re.findall(r'(?:src|href)="(/page/[^"]+)"', INDEX))
    named |= {found for path in SOURCES for found in re.findall(r'"(/page/[^"]+)"', path.read_text())}
    assert named <= ours().keys()
    modules = set().union(*map(imported, SOURCES))
    assert len(modules) >= len(SOURCES) - 3
    assert {path for path in modules if FETCHED not in path.parents} <= set(OURS)


def test_every_module_is_used() -> None:
    used = set().union(*map(imported, SOURCES)) | {FOLDER / path for path in ("main.js", "theme.js", "local/worker.js")}
    assert used - {FETCHED / "ort.mjs"} == set(SOURCES)


def test_the_page_itself_imports_nothing_of_what_runs_in_the_worker() -> None:
    rooms = [FOLDER / room for room in ("local", "reading", "vision", "runtime")]
    for path in FOLDER.glob("*.js"):
        assert not [found for found in imported(path) if found.parent in rooms]
    for path in (FOLDER / "vision").glob("*.js"):
        assert {found.parent for found in imported(path)} <= {FOLDER / "vision"}
    for path in (FOLDER / "reading").glob("*.js"):
        assert {found.parent for found in imported(path)} <= {FOLDER / "vision", FOLDER / "reading"}


def test_refusals_have_the_same_sentences_in_the_browser() -> None:
    told = (FOLDER / "reading" / "refusal.js").read_text()
    found = dict(re.findall(r'^  (\w+):\s+"(.+)",$', told, re.MULTILINE))
    assert found == {reason.value: message for reason, message in MESSAGES.items() if reason != "crashed"}


@pytest.mark.parametrize("path", OURS, ids=address)
def test_nothing_names_another_host(path: Path) -> None:
    found = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text()))
    # The names of SVG and of XMP in a JPEG; nothing is fetched from them.
    assert found <= {"http://www.w3.org", "http://ns.adobe.com"}


def test_there_is_no_script_or_style_in_the_document() -> None:
    assert "<style" not in INDEX
    assert not re.search(r"<script(?![^>]*\bsrc=)", INDEX)
    assert not re.search(r"\s(?:style|on\w+)=", INDEX)


def test_it_is_served_with_its_headers_and_only_once(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        for path, asset in ours().items():
            response = client.get(path)
            body = gzip.decompress(asset.body) if asset.is_packed else asset.body
            assert (response.status_code, response.content) == (200, body)
            assert response.headers["content-type"] == asset.content_type
            assert response.headers["content-security-policy"] == asset.policy
            for name, value in HEADERS:
                assert response.headers[name.decode()] == value.decode()
            again = client.get(path, headers={"if-none-match": response.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_a_models_file_is_the_proved_one_and_is_kept_by_whoever_got_it(url: str) -> None:
    card = httpx.get(f"{url}/models/{DEFAULT_MODEL}").json()
    response = httpx.get(f"{url}/models/{DEFAULT_MODEL}/model.onnx")
    assert response.content == (FOLDER.parents[1] / "models" / DEFAULT_MODEL / "model.onnx").read_bytes()
    assert response.headers["etag"] == f'"{card["onnx_sha256"]}"'
    again = httpx.get(f"{url}/models/{DEFAULT_MODEL}/model.onnx", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("none", "convnet"):  # the default's alone is sent
        refused = httpx.get(f"{url}/models/{name}/model.onnx")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_model")
