"""Who is compared with what: the contenders, the kinds of bodies they are sent, the settings, the sets of pictures."""

from dataclasses import dataclass

from benchmarks.load.bodies import BodyKind
from serving.settings import DEFAULT_MODEL

MODEL = "convnet"
"""What everybody runs."""
PEERS = "peers"
"""Whose answers every peer is to give."""
SETS = ("placed", "drawings")
"""Of pictures: 28x28 as the data set has them, and 200x200 that take the whole reading."""


@dataclass(frozen=True, slots=True)
class Way:
    """Which server is asked, and how."""

    server: str
    body: BodyKind


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables."""

    about: str
    single: Way | None
    """With one picture a request; None where it is not measured so."""
    many: Way | None
    """With several."""
    expected: str
    """Whose probabilities it is to answer: a model's of ours, or PEERS."""

    def way(self, pictures: int) -> Way | None:
        """How it is asked for so many pictures a request."""
        return self.many if pictures > 1 else self.single


CONTENDERS: dict[str, Contender] = {
    "ours": Contender(
        f"digits serve --model {MODEL}, a form", Way("ours", "multipart"), Way("ours", "multipart"), MODEL
    ),
    "ours-raw": Contender("the same, the picture as the body", Way("ours", "raw"), None, MODEL),
    "ours-default": Contender(
        "digits serve with its default model, a form",
        Way("ours-default", "multipart"), Way("ours-default", "multipart"), DEFAULT_MODEL,
    ),
    "fastapi": Contender("FastAPI on uvicorn, a form", Way("fastapi", "multipart"), Way("fastapi", "multipart"), PEERS),
    # With batching, one of Mosec's workers is handed all the bodies of several pictures, and the other none.
    "mosec": Contender(
        "Mosec, batches of 32 within 1 ms; of 64-picture bodies one by one",
        Way("mosec", "raw"), Way("mosec-1", "packed"), PEERS,
    ),
    "mosec-8": Contender("Mosec, batches of 8 within 1 ms", Way("mosec-8", "raw"), None, PEERS),
    "mosec-1": Contender("Mosec, no batching", Way("mosec-1", "raw"), None, PEERS),
}  # fmt: skip
BARE = {"bare": MODEL, "bare-default": DEFAULT_MODEL}
"""Two processes without HTTP, and the model they run: measured with several pictures a request alone."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How many connections send requests of how many pictures."""

    connections: int
    pictures: int


SETTINGS: dict[str, Setting] = {
    "single-1": Setting(1, 1),
    "single-2": Setting(2, 1),
    "single-16": Setting(16, 1),
    "single-64": Setting(64, 1),
    "many-2": Setting(2, 64),
    "many-4": Setting(4, 64),
}
