"""What a model that can refuse promises: thresholds chosen on validation pictures, and what they were measured to give.

The test split is opened for figures alone, after everything is chosen.
"""

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from serving.card import Decision
from serving.evaluation.figures import calibration_bound, risk_coverage
from serving.reading import ImageRejected, Limits, Reading, read
from training import data, fit
from training.evaluate import Labels
from training.model import Model
from training.scenes import FACTORS, NONDIGITS, files, fonts
from training.uploads import UNSEEN, WEIGHTS

OTHERS_ACCEPTED = 0.025
"""The part of other things, a mean over their kinds, that may be taken for a digit: as many as that, so that as few digits
as can be are refused."""
CLEAN_REFUSED = 0.007
"""The part of clean digits that may be taken for none, whatever that costs, and again that may be called unsure."""
WRONG = 0.002
"""The part of promised answers to uploads that may be wrong, where that costs no more clean digits than said."""
PER_FACTOR, PER_KIND = 60, 300
"""Pictures."""
APART = ("lookalikes",)
"""Letters that are digits in shape are counted, and belong to no mean."""

Progress = Callable[[str], object]
Ask = Callable[[npt.NDArray[np.uint8]], "Answers"]
"""Pictures, (N, 28, 28), to what a model says of them."""


class Answers(NamedTuple):
    """What a model says of N pictures."""

    probabilities: npt.NDArray[np.float64]
    """(N, 10)."""
    evidence: npt.NDArray[np.float64]
    """(N,)."""

    @property
    def confidence(self) -> npt.NDArray[np.float64]:
        """(N,): the probability of the best guess."""
        return np.asarray(self.probabilities.max(1))

    def are_digits(self, decision: Decision) -> npt.NDArray[np.bool_]:
        """(N,): whether each is answered `digit`, as serving.decision decides it."""
        return np.asarray((self.evidence >= decision["evidence"]) & (self.confidence >= decision["confidence"]))


@dataclass(frozen=True, slots=True)
class Uploads:
    """Digits as read of files made of them, those that were found blank left out; labels (N,)."""

    pictures: npt.NDArray[np.uint8]
    labels: Labels
    blank: int


def make(ask: Ask, tell: Progress) -> tuple[Decision, dict[str, Any]]:
    """Choose the thresholds of a trained model, and measure what they promise.

    tell: is told what is being done. Returns the card's `decision` and `promise`. Raises data.DataFault.
    """
    images = data.load("MNIST", "train")
    validation = data.validation_part(images)
    clean = ask(validation.pictures.numpy())
    tell("reading uploads made of validation pictures")
    uploads = _uploads(validation)
    of_uploads = ask(uploads.pictures)
    tell("reading pictures that are no digits")
    fitted = [_others(ask, kind, "choice") for kind in WEIGHTS]
    decision = choose(clean, of_uploads, uploads.labels, fitted)
    others = {kind: _accepted(_others(ask, kind, "promise"), decision) for kind in NONDIGITS}
    tell("opening the test split")
    return decision, {
        "chosen_on": f"{len(validation):,} validation pictures and {len(uploads.labels):,} uploads made of them",
        "test": _on_test(ask, decision),
        "uploads": _statuses(of_uploads, uploads.labels, decision)
        | {"pictures": len(uploads.labels) + uploads.blank, "blank": uploads.blank},
        "others_answered_digit": others,
        "others_mean": float(np.mean([share for kind, share in others.items() if kind not in APART])),
        "others_pictures_each": PER_KIND,
        "others_counted_apart": list(APART),
        "others_never_trained_on": [kind for kind in UNSEEN if kind not in APART],
        "fonts": {"trained_on": len(fonts.training_fonts()), "held_out": len(fonts.held_out_fonts())},
    }


def choose(clean: Answers, uploads: Answers, labels: Labels, others: list[Answers]) -> Decision:
    """The thresholds.

    clean: of validation pictures as they are. uploads, labels: of digits read of uploads. others: of each kind of things
    that are no digits, those of PER_KIND pictures that reach the network.
    """
    evidence = min(_least_evidence(others), float(np.quantile(clean.evidence, CLEAN_REFUSED)))
    strictest = float(np.quantile(clean.confidence[clean.evidence >= evidence], CLEAN_REFUSED))
    promised = uploads.evidence >= evidence
    order = np.sort(uploads.confidence[promised])
    right = uploads.probabilities[promised].argmax(1) == labels[promised]
    confidence = uploads.confidence[promised]
    lowest = next((float(c) for c in order if (~right[confidence >= c]).mean() <= WRONG), strictest)
    return Decision(evidence=evidence, confidence=min(strictest, max(lowest, 0.5)))


def _least_evidence(others: list[Answers]) -> float:
    """The least evidence that no more other things have than OTHERS_ACCEPTED, each kind counting the same."""
    ordered = np.sort(np.concatenate([one.evidence for one in others]))[::-1]
    allowed = int(OTHERS_ACCEPTED * PER_KIND * len(others))
    return float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else float(ordered[-1])


def answer(model: Model, pictures: npt.NDArray[np.uint8]) -> Answers:
    """What a model with evidence, on the CPU, says of pictures, (N, 28, 28) uint8."""
    model.eval()
    with torch.inference_mode():
        parts = [model(part) for part in torch.from_numpy(pictures).split(fit.EVALUATION_BATCH)]  # type: ignore[no-untyped-call]
    probabilities, _, evidence = (torch.cat(column).double().numpy() for column in zip(*parts, strict=True))
    return Answers(probabilities, evidence)


def _on_test(ask: Ask, decision: Decision) -> dict[str, Any]:
    test = data.load("MNIST", "test")
    answers, labels = ask(test.pictures.numpy()), fit.labels_of(test)
    right = answers.probabilities.argmax(1) == labels
    return _statuses(answers, labels, decision) | {
        "ece_bound": calibration_bound(answers.confidence),
        "risk_coverage": [asdict(one) for one in risk_coverage(answers.confidence, right)],
    }


def _statuses(answers: Answers, labels: Labels, decision: Decision) -> dict[str, float]:
    """Shares of all: how digits are answered; and how many of those that are promised are wrong."""
    other, promised = answers.evidence < decision["evidence"], answers.are_digits(decision)
    unsure = ~other & ~promised
    wrong = answers.probabilities.argmax(1) != labels
    return {
        "digit": float(promised.mean()),
        "unsure": float(unsure.mean()),
        "not_a_digit": float(other.mean()),
        "wrong_of_digit": float(wrong[promised].mean()),
    }


def _uploads(validation: data.Images) -> Uploads:
    found, labels, blank = [], [], 0
    inks, truth = validation.pictures.numpy(), validation.labels.numpy()
    for name, factor in FACTORS.items():
        for index in range(PER_FACTOR):
            rng = np.random.default_rng((zlib.crc32(b"promise"), zlib.crc32(name.encode()), index))
            row = int(rng.integers(len(inks)))
            reading = _read(factor(inks[row], rng))
            if reading is None or reading.is_blank:
                blank += 1
            else:
                found.append(reading.picture)
                labels.append(truth[row])
    return Uploads(np.stack(found), np.array(labels, np.int64), blank)


def _others(ask: Ask, kind: str, purpose: str) -> Answers:
    """What the model says of a kind's pictures that reach it; to promise, they are drawn from what training never sees."""
    readings = []
    for index in range(PER_KIND):
        rng = np.random.default_rng((zlib.crc32(purpose.encode()), zlib.crc32(kind.encode()), index))
        readings.append(_read(files.png(NONDIGITS[kind](rng, held_out=purpose == "promise"), rng)))
    pictures = [one.picture for one in readings if one and not one.is_blank and not one.is_clutter]
    return ask(np.stack(pictures) if pictures else np.zeros((0, 28, 28), np.uint8))


def _accepted(answers: Answers, decision: Decision) -> float:
    """The share of a kind's PER_KIND pictures that are answered `digit`."""
    return float(answers.are_digits(decision).sum() / PER_KIND)


def _read(data: bytes) -> Reading | None:
    try:
        return read(data, "digit", Limits())
    except ImageRejected:
        return None
