"""The comparison itself, against runtimes that fail in one way only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.runtime import Pictures
from training import export, prove
from training.model import Model


def faithful(reference: prove.Reference, pictures: Pictures) -> Callable[[Pictures], tuple[Any, Any]]:
    """A runtime that knows the reference's answer to each of its pictures, and gives zeros to all others."""
    known = {
        picture.tobytes(): (p.astype(np.float32), s.astype(np.float32))
        for picture, p, s in zip(pictures, reference.probabilities, reference.scores, strict=True)
    }
    nothing = (np.full(10, 0.1, np.float32), np.zeros(10, np.float32))

    def run(batch: Pictures) -> tuple[Any, Any]:
        rows = [known.get(picture.tobytes(), nothing) for picture in batch]
        return np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])

    return run


def test_a_faithful_runtime_passes_every_comparison(reference: prove.Reference, pictures: Pictures) -> None:
    prove.compare(faithful(reference, pictures), reference, pictures, "a fake")


def test_a_runtime_that_does_not_repeat_its_bits_is_caught(reference: prove.Reference, pictures: Pictures) -> None:
    exact, calls = faithful(reference, pictures), iter(range(10**9))

    def run(batch: Pictures) -> tuple[Any, Any]:
        probabilities, scores = exact(batch)
        return probabilities, scores + np.float32(1e-7) * np.float32(next(calls) % 2) * np.abs(scores).max()

    with pytest.raises(prove.ProofFailed, match="other bits when it is repeated"):
        prove.compare(run, reference, pictures, "a fake")


def test_a_runtime_whose_answers_depend_on_extreme_mates_is_caught(reference: prove.Reference, pictures: Pictures) -> None:
    exact = faithful(reference, pictures)

    def run(batch: Pictures) -> tuple[Any, Any]:
        probabilities, scores = exact(batch)
        return probabilities, scores * np.float32(0.99 if batch.min(axis=(1, 2)).max() == 255 else 1)

    with pytest.raises(prove.ProofFailed, match="depends on its batch-mates"):
        prove.compare(run, reference, pictures, "a fake")


def test_one_answer_that_differs_without_a_doubt_is_caught(reference: prove.Reference, pictures: Pictures) -> None:
    exact = faithful(reference, pictures)
    target = pictures[3].tobytes()

    def run(batch: Pictures) -> tuple[Any, Any]:
        probabilities, scores = exact(batch)
        for place, picture in enumerate(batch):
            if picture.tobytes() == target:
                probabilities[place] = np.roll(probabilities[place], 1)
        return probabilities, scores

    with pytest.raises(prove.ProofFailed):
        prove.compare(run, reference, pictures, "a fake")


def test_an_answer_within_the_tolerance_of_another_is_counted_and_excused(pictures: Pictures) -> None:
    tie = np.full((len(pictures), 10), 0.1)
    tie[:, 4] += 1e-9
    reference = prove.Reference(tie, tie * 10, prove.fingerprint(pictures))

    def run(batch: Pictures) -> tuple[Any, Any]:
        rows = np.full((len(batch), 10), 0.1, np.float32)
        return rows, rows * 10

    report = prove.compare(run, reference, pictures, "a fake")
    assert report["batches"]["64"]["differing"] == len(pictures)


def test_a_graph_that_only_one_evaluator_reads_rightly_is_caught(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write_onnx(small, tmp_path / "model.onnx", {})

    class Other:
        def __init__(self, _path: str) -> None: ...

        def run(self, _names: None, _feeds: Any) -> list[Any]:
            return [reference.probabilities[:20] * 1.001, reference.scores[:20]]

    monkeypatch.setattr("onnx.reference.ReferenceEvaluator", Other)
    with pytest.raises(prove.ProofFailed, match=r"onnx\.reference is"):
        prove.prove_onnx(tmp_path / "model.onnx", reference, pictures)
