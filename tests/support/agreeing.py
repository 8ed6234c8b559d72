"""One picture, asked about at the service and in the browser."""

import base64
import io
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Page

ASK = """async (pictures) => {
    const { answers, catalogue } = await import("/page/answer.js");
    const { drawn } = await import("/page/strokes.js");
    const told = await (window.told ??= catalogue());
    const known = told.models.find(({ name }) => name === told.default);
    const brought = pictures.map((one) => one.strokes ? drawn(one.strokes) : {
        name: "file", url: null, file: async () => new Blob([Uint8Array.from(atob(one), (letter) => letter.charCodeAt(0))]),
    });
    const { signal } = new AbortController();
    return [await answers(brought, { card: known, signal }), await answers(brought, { card: told.here, signal })];
}"""


class Pair(NamedTuple):
    """One picture and what both say of it."""

    kind: str
    service: dict[str, Any]
    browser: dict[str, Any]

    @property
    def apart(self) -> float:
        """The largest difference of their probabilities."""
        one, other = self.service["probabilities"], self.browser["probabilities"]
        return max(abs(a - b) for a, b in zip(one, other, strict=True)) if one and other else 0.0

    @property
    def saw_the_same(self) -> bool:
        """Whether the network was shown the same 28x28, bit for bit."""
        one, other = (_pixels(answer.get("seen")) for answer in (self.service, self.browser))
        return one is not None and one == other

    @property
    def is_same(self) -> bool:
        keys = ("status", "digit", "name", "reason", "message", "model")
        return all(self.service[key] == self.browser[key] for key in keys)


def _pixels(uri: str | None) -> bytes | None:
    """Of a data URI."""
    return uri and Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L").tobytes()


def asked(page: Page, pictures: Iterable[tuple[str, Any]]) -> list[Pair]:
    """What both say of pictures: the bytes of files, or strokes. pictures: kinds, and one of it."""
    many = iter(pictures)
    pairs: list[Pair] = []
    while some := list(islice(many, 16)):
        sent = [base64.b64encode(one).decode() if isinstance(one, bytes) else one for _, one in some]
        pairs += [
            Pair(kind, *both) for (kind, _), both in zip(some, zip(*page.evaluate(ASK, sent), strict=True), strict=True)
        ]
    return pairs
