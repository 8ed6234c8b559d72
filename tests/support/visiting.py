"""A page in a browser, as somebody with a mouse sees it, and all that the browser said of it meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, Route

Stroke = list[tuple[float, float]]
"""Its corners, as fractions of the paper."""
SEVEN: list[Stroke] = [[(0.3, 0.22), (0.72, 0.22), (0.45, 0.8)]]
THREE: list[Stroke] = [
    [
        (0.32, 0.25),
        (0.5, 0.18),
        (0.66, 0.28),
        (0.62, 0.42),
        (0.48, 0.48),
        (0.65, 0.55),
        (0.68, 0.7),
        (0.5, 0.8),
        (0.32, 0.72),
    ]
]


@dataclass
class Visit:
    """One page, and all that the browser said of it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, and exceptions that nobody caught."""
    addresses: list[str] = field(default_factory=list)
    """Of every request."""
    failures_are_expected: bool = False
    """The browser itself writes an error for each request that fails and each status above 399."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if self.failures_are_expected and text.startswith("Failed to load resource"):
            return
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def check(self) -> None:
        """Nothing was complained of, and nobody else was asked for anything."""
        assert self.complaints == []
        assert [one for one in self.addresses if not one.startswith((self.url + "/", "data:", "blob:" + self.url))] == []

    @property
    def word(self) -> Locator:
        """The answer in large letters."""
        return self.page.locator("#word")

    def draw(self, strokes: list[Stroke]) -> None:
        """Draw with the mouse."""
        self.page.locator("#paper").scroll_into_view_if_needed()
        for first, *rest in map(self.places, strokes):
            self.page.mouse.move(*first)
            self.page.mouse.down()
            for corner in rest:
                self.page.mouse.move(*corner, steps=4)
            self.page.mouse.up()

    def places(self, stroke: Stroke) -> Stroke:
        """Places on the paper in the window's pixels."""
        box = self.page.locator("#paper").bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]

    def hold(self, pattern: str) -> list[Route]:
        """From now on, requests wait for the test; the list grows by each."""
        held: list[Route] = []

        def keep(route: Route) -> None:
            held.append(route)

        self.page.route(pattern, keep)
        return held

    def wait_until(self, condition: Callable[[], bool], within_s: float = 15) -> None:
        """Let the browser go on until something holds that only the test knows of."""
        until = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until, "it did not come to that"
            self.page.wait_for_timeout(10)

    def words(self) -> Callable[[], list[str]]:
        """From now on, every word that the answer has been; empty ones left out."""
        self.page.evaluate("""() => {
            const word = document.getElementById("word");
            window.words = [];
            new MutationObserver(() => word.textContent && words.push(word.textContent)).observe(word, {childList: true});
        }""")
        return lambda: self.page.evaluate("() => words")
