"""A real service, a real browser, and pages that fail their test when the browser complains of them."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from started import service
from visiting import Visit

from serving.http import page as pages
from serving.reading import Limits
from serving.settings import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
LAPTOP = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", "reduced_motion": "reduce"}
"""Without motion there is nothing to wait for before a click."""

expect.set_options(timeout=15_000)


def find_chromium() -> str:
    """The browser's program. Where there is none, skips the test, or fails it if REQUIRE_BROWSER is set."""
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if named:
        return named
    message = "The page's tests need Chromium (apt-get install chromium), or its path in CHROMIUM."
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """A service with the committed models."""
    with service(environment=os.environ | {"DIGITS_MODELS": str(ROOT / "models")}) as started:
        yield started.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not of the whole session: Playwright keeps an event loop running, in which asyncio.run of other tests would fail."""
    program = find_chromium()
    arguments = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whoever else were asked, it would fail loudly
    ]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=arguments, chromium_sandbox=os.geteuid() != 0
        )  # root has no sandbox
        yield started
        started.close()


@pytest.fixture(scope="session")
def runtime() -> None:
    """What runs a model in the browser. Where it is not, skips the test, or fails it if REQUIRE_BROWSER is set."""
    if f"/page/{pages.RUNTIME}" in pages.assets(Limits()):
        return
    message = "What runs a model in the browser is not here (make web)."
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Visit]]:
    """Opens pages, each in a browser of its own; its arguments are those of a Playwright context."""
    visits: list[Visit] = []

    def open_page(*, before: Callable[[Page], None] = lambda _page: None, **options: Any) -> Visit:
        context = browser.new_context(**LAPTOP | options)
        one = Visit(context.new_page(), url)
        visits.append(one)
        before(one.page)
        response = one.page.goto(url)
        assert response is not None
        assert response.headers["content-security-policy"] == pages.POLICY
        return one

    yield open_page
    for one in visits:
        one.page.context.close()
        one.check()


@pytest.fixture
def desk(visit: Callable[..., Visit]) -> Visit:
    """The page on a laptop, ready."""
    one = visit()
    expect(one.page.locator("#network")).to_have_value(DEFAULT_MODEL)
    return one
