"""Whether a server answers what it is to answer, before it is measured."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from benchmarks.load.bodies import BODIES, BodyKind

CLIENTS = 8
TOLERANCE = 1e-4
"""Between a probability expected and one answered: six digits are told, and a batch's size moves the seventh."""


class WrongAnswers(Exception):
    """A server answers something else than is expected; the message says what."""


def check(url: str, kind: BodyKind, files: Sequence[bytes], pictures: int, expected: Sequence[Sequence[float]]) -> None:
    """Ask for each file, so many a request, several requests at a time. Raises WrongAnswers.

    expected: (N, 10), in the order of the files.
    """
    content_type, body = BODIES[kind]
    with httpx.Client(headers={"content-type": content_type}, timeout=30, trust_env=False) as client:

        def ask(group: Sequence[bytes]) -> list[Any]:
            response = client.post(f"{url}/predict", content=body(group))
            if response.status_code != 200:
                raise WrongAnswers(f"{url} answers {response.status_code}: {response.text[:200]}")
            predictions: list[Any] = response.json()["predictions"]
            return predictions

        groups = [files[start : start + pictures] for start in range(0, len(files), pictures)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            told = [_probabilities(one) for answer in pool.map(ask, groups) for one in answer]
    wrong = sum(not _near(one, wanted) for one, wanted in zip(told, expected, strict=True))
    if wrong:
        raise WrongAnswers(f"{wrong} of {len(files)} answers of {url}, {pictures} pictures a request, are not as expected")


def _probabilities(prediction: Any) -> Sequence[float]:
    """Of one of our answers, or of a peer's row."""
    told = prediction["probabilities"] if isinstance(prediction, dict) else prediction
    return told or ()


def _near(told: Sequence[float], expected: Sequence[float]) -> bool:
    """Whether they are the same probabilities, and so the same digit but for a tie."""
    return len(told) == len(expected) and all(abs(a - b) < TOLERANCE for a, b in zip(told, expected, strict=True))
