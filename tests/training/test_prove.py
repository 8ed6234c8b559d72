"""The comparison itself, against runtimes that fail in one way only."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from serving.runtime import Pictures
from training import export, prove
from training.commands import app
from training.model import Model, Rejecting, Softmax


def faithful(reference: prove.Reference, pictures: Pictures) -> Callable[[Pictures], tuple[Any, ...]]:
    """A runtime that knows the reference's answer to each of its pictures, and gives zeros to all others."""
    exact = [values.astype(np.float32) for values in reference.outputs().values()]
    known = {picture.tobytes(): row for picture, row in zip(pictures, zip(*exact, strict=True), strict=True)}
    nothing = tuple(np.zeros_like(values[0]) for values in exact)

    def run(batch: Pictures) -> tuple[Any, ...]:
        rows = [known.get(picture.tobytes(), nothing) for picture in batch]
        return tuple(np.stack(values) for values in zip(*rows, strict=True))

    return run


def test_a_faithful_runtime_passes_every_comparison(reference: prove.Reference, pictures: Pictures) -> None:
    report = prove.compare(faithful(reference, pictures), reference, pictures, "a fake")
    for row in report["batches"].values():
        assert row.keys() == {"pictures", "scores_eps", "probabilities_eps", "differing"}


def test_evidence_is_compared_and_told_where_the_model_has_it(
    rejecting_reference: prove.Reference, pictures: Pictures
) -> None:
    report = prove.compare(faithful(rejecting_reference, pictures), rejecting_reference, pictures, "a fake")
    assert all(0 <= row["evidence_eps"] < 1 for row in report["batches"].values())


Fault = Callable[[Pictures, Any], Any]
"""A batch and its evidence to the evidence of a runtime that fails in one way."""


def not_repeating() -> Fault:
    calls = iter(range(10**9))
    return lambda _batch, evidence: evidence + np.float32(1e-6) * np.float32(next(calls) % 2)


EVIDENCE_FAULTS: dict[str, tuple[Fault, str]] = {
    "too far": (lambda _batch, evidence: evidence * np.float32(1.0001), "evidence at batch 1: .* eps from float64"),
    "of a batch-mate": (lambda _batch, evidence: np.roll(evidence, 1), "evidence at batch 2"),
    "not finite": (lambda batch, evidence: np.where(len(batch) == 7, np.float32("inf"), evidence), "evidence at batch 7"),
    "another shape": (lambda _batch, evidence: evidence[:, None], "evidence at batch 1"),
    "another type": (lambda _batch, evidence: evidence.astype(np.float64), "evidence at batch 1: float64"),
    "not repeated": (not_repeating(), "other bits when it is repeated"),
    "among extreme mates": (
        lambda batch, evidence: evidence * np.float32(0.99 if batch.min(axis=(1, 2)).max() == 255 else 1),
        "depends on its batch-mates",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", EVIDENCE_FAULTS)
def test_a_runtime_whose_evidence_alone_is_wrong_is_caught(
    fault: str, rejecting_reference: prove.Reference, pictures: Pictures
) -> None:
    exact, (spoil, message) = faithful(rejecting_reference, pictures), EVIDENCE_FAULTS[fault]

    def run(batch: Pictures) -> tuple[Any, ...]:
        probabilities, scores, evidence = exact(batch)
        return probabilities, scores, spoil(batch, evidence)

    with pytest.raises(prove.ProofFailed, match=message):
        prove.compare(run, rejecting_reference, pictures, "a fake")


def test_a_runtime_that_leaves_the_evidence_out_is_caught(rejecting_reference: prove.Reference, pictures: Pictures) -> None:
    exact = faithful(rejecting_reference, pictures)
    with pytest.raises(prove.ProofFailed, match="2 outputs, not 3: probabilities, scores, evidence"):
        prove.compare(lambda batch: exact(batch)[:2], rejecting_reference, pictures, "a fake")


def test_the_head_keeps_the_ten_and_the_eleventh_apart(rejecting: Model, pictures: Pictures) -> None:
    images = torch.from_numpy(pictures[:64])
    with torch.inference_mode():
        raw, (probabilities, scores, evidence) = rejecting.scores(images), rejecting(images)
    assert raw.shape == (64, 11)
    assert torch.equal(scores, raw[:, :10])
    assert torch.equal(probabilities, rejecting.head(raw))
    assert torch.equal(evidence, rejecting.head.evidence(raw))
    odds = torch.softmax(raw.double(), 1)
    torch.testing.assert_close(evidence.double(), torch.log(odds[:, :10].sum(1) / odds[:, 10]), atol=1e-4, rtol=1e-4)
    labels = raw[:, :10].argmax(1).numpy()
    assert Rejecting.fit(raw.numpy(), labels) == Softmax.fit(scores.numpy(), labels)


def test_the_function_with_evidence_scripts_and_exports_in_float64_too(
    rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures
) -> None:
    exact, images = copy.deepcopy(rejecting).double(), torch.from_numpy(pictures)
    scripted = torch.jit.freeze(torch.jit.script(exact))
    exported = torch.export.export(exact, (images,)).module()
    for run in (scripted, exported):
        for got, wanted in zip(run(images), rejecting_reference.outputs().values(), strict=True):
            assert got.dtype == torch.float64
            np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("has_evidence", [True, False])
def test_the_table_of_a_proof_tells_of_evidence_where_there_is_some(
    has_evidence: bool,
    reference: prove.Reference,
    rejecting_reference: prove.Reference,
    pictures: Pictures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = rejecting_reference if has_evidence else reference
    report = prove.compare(faithful(exact, pictures), exact, pictures, "a fake")
    monkeypatch.setattr(prove, "repeat", lambda *_: {"onnx": report})
    result = CliRunner().invoke(app, ["prove", "convnet"])
    assert result.exit_code == 0, result.output
    assert ("evidence" in result.output) == has_evidence


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
