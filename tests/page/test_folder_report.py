"""The page that digits predict --report writes, in a browser."""

from pathlib import Path

import pytest
from job_here import predict_here
from playwright.sync_api import Browser

from serving.catalogue import Model
from serving.folder.rows import Shape

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_shows_its_pictures_and_asks_nobody(
    width: int, scheme: str, browser: Browser, model: Model, digits: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    for place in range(100):
        (tmp_path / "scans" / f"{'long name ' * 20}{place}.png").write_bytes(digits[place % 10])
        (tmp_path / "scans" / f"{'longname' * 20}{place}").write_bytes(b"no picture")
    predict_here([tmp_path / "scans"], model, tmp_path / f"{'out' * 40}.csv", Shape(), report=tmp_path / "r.html")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "r.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert page.locator("img").count() == 120
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == ("rgb(20, 24, 30)" if scheme == "dark" else "rgb(245, 242, 234)")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    context.close()
