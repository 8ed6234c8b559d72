"""Every export bug that was ever measured is put into a small network, and must not get through."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from serving.runtime import ModelUnusable, Pictures, Session
from training import export, prove
from training.model import Model, Rejecting, Scale

CARD: dict[str, Any] = {
    "contract": 1, "name": "small", "lab": "none", "dataset": {"name": "MNIST", "sha256": ""}, "reading": "digit",
    "classes": list("0123456789"), "parameters": 0, "flops": 0, "recipe": "a test", "seed": 0, "validation": {}, "test": {},
    "ece": {}, "temperature": 1.0, "hardware": "", "versions": {}, "commit": "",
}  # fmt: skip


class Wrapped(nn.Module):
    """A network with a fault in its forward pass or its modes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network


class AlwaysTraining(Wrapped):
    def train(self, mode: bool = True) -> "AlwaysTraining":  # noqa: ARG002
        return super().train(True)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels)


class CoupledToItsBatch(Wrapped):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels / pixels.max())


class FixedBatch(Wrapped):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner.linear(self.inner.features(pixels).reshape(2, -1))


class FixedFeatures(Wrapped):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner.linear(self.inner.features(pixels).reshape(2, 216))


class Transposed(Wrapped):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels.transpose(2, 3))


class Noisy(Wrapped):
    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(pixels + 1e-7 * torch.rand_like(pixels))


def wrap(kind: type[Wrapped]) -> Callable[[Model, Pictures], None]:
    def inject(model: Model, _pictures: Pictures) -> None:
        model.network = kind(model.network)

    return inject


def batch_statistics(model: Model, _pictures: Pictures) -> None:
    norm = model.network.norm
    norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None


def lost_statistics(model: Model, _pictures: Pictures) -> None:
    model.network.norm.reset_running_stats()


def other_eps(model: Model, _pictures: Pictures) -> None:
    model.network.norm.eps = 1e-3


def one_forward_in_training(model: Model, pictures: Pictures) -> None:
    model.train()
    model(torch.from_numpy(pictures[:64]))
    model.eval()


def one_weight_off(model: Model, _pictures: Pictures) -> None:
    with torch.no_grad():
        model.network.convolution.weight[0, 0, 2, 2] += 1e-3


def rounded_to_half(model: Model, _pictures: Pictures) -> None:
    weight = model.network.convolution.weight
    weight.data = weight.data.half().float()


def without_normalisation(model: Model, _pictures: Pictures) -> None:
    model.scale = Scale(0.0, 1.0)


def other_normalisation(model: Model, _pictures: Pictures) -> None:
    model.scale = Scale(0.5, 0.5)


def other_temperature(model: Model, _pictures: Pictures) -> None:
    model.head.temperature.fill_(1.001)


BUGS = {
    "exported in training mode": wrap(AlwaysTraining),
    "batch norm uses the batch's statistics": batch_statistics,
    "batch norm lost its running statistics": lost_statistics,
    "batch norm with another eps": other_eps,
    "one forward pass in training mode before the export": one_forward_in_training,
    "the network fixes the batch": wrap(FixedBatch),
    "pictures of a batch influence each other": wrap(CoupledToItsBatch),
    "one weight off by a thousandth": one_weight_off,
    "first layer rounded to float16": rounded_to_half,
    "normalisation missing": without_normalisation,
    "another normalisation": other_normalisation,
    "picture transposed": wrap(Transposed),
    "something random left": wrap(Noisy),
    "another temperature": other_temperature,
}


class LargestForAll(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return raw[:, :10].amax(1) - raw[:, 10]


class AllEleven(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return torch.logsumexp(raw, 1) - raw[:, 10]


class OthersForgotten(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return torch.logsumexp(raw[:, :10], 1)


class Tempered(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return torch.logsumexp(raw[:, :10] / self.temperature, 1) - raw[:, 10] / self.temperature


class Reversed(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return raw[:, 10] - torch.logsumexp(raw[:, :10], 1)


class AnotherPictures(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return (torch.logsumexp(raw[:, :10], 1) - raw[:, 10]).roll(1)


class AgainstTheBatch(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return torch.logsumexp(raw[:, :10], 1) - raw[:, 10].mean()


class InAColumn(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return (torch.logsumexp(raw[:, :10], 1) - raw[:, 10]).unsqueeze(1)


class InDouble(Rejecting):
    def evidence(self, raw: Tensor) -> Tensor:
        return (torch.logsumexp(raw[:, :10], 1) - raw[:, 10]).double()


class LeftOut(Rejecting):
    def outputs(self, raw: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self(raw), raw[:, :10]


class OtherOrder(Rejecting):
    def outputs(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self(raw), self.evidence(raw), raw[:, :10]


class AllScores(Rejecting):
    def outputs(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self(raw), raw, self.evidence(raw)


EVIDENCE_BUGS = {
    "the largest score for the sum of all": LargestForAll,
    "the eleventh number among the digits'": AllEleven,
    "the eleventh number forgotten": OthersForgotten,
    "the temperature of the probabilities applied": Tempered,
    "the sign reversed": Reversed,
    "evidence of another picture in the batch": AnotherPictures,
    "evidence against the batch's mean": AgainstTheBatch,
    "one axis too many": InAColumn,
    "another type": InDouble,
    "no evidence at all": LeftOut,
    "outputs in another order": OtherOrder,
    "the eleventh number among the scores": AllScores,
}


def give_head(model: Model, kind: type[Rejecting]) -> None:
    temperature = model.head.temperature.item()
    model.head = kind()
    model.head.temperature.fill_(temperature)


def test_a_faithful_export_passes_and_says_how_far_it_is(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    card = export.build(small, reference, pictures, CARD, tmp_path / "small")
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == [
        "card.json", "model.onnx", "model.ts", "reference.npz",
    ]  # fmt: skip
    for report in card.proof.values():
        assert list(report["batches"]) == ["1", "2", "7", "64", "1000"]
        assert all(0 < row["scores_eps"] < 30 and row["differing"] == 0 for row in report["batches"].values())


@pytest.mark.parametrize("bug", BUGS)
def test_an_export_with_this_bug_is_not_written(
    bug: str, small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    BUGS[bug](small, pictures)
    with pytest.raises(prove.ProofFailed):
        export.build(small, reference, pictures, CARD, tmp_path / "models" / "small")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("batch", [1, 2])
def test_an_onnx_file_with_its_batch_baked_in_is_caught(
    batch: int, small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    example = torch.zeros(batch, 28, 28, dtype=torch.uint8)
    export_plainly(small, tmp_path / "model.onnx", example)
    with pytest.raises(prove.ProofFailed, match="has the signature"):
        prove.prove_onnx(tmp_path / "model.onnx", reference, pictures)


def test_a_dynamic_batch_that_the_exporter_drops_without_a_word_is_caught(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    small.network = FixedBatch(small.network)
    shapes = ({0: torch.export.Dim("batch", min=1, max=4096)},)
    export_plainly(small, tmp_path / "model.onnx", torch.zeros(2, 28, 28, dtype=torch.uint8), dynamic_shapes=shapes)
    with pytest.raises(prove.ProofFailed, match="has the signature"):
        prove.prove_onnx(tmp_path / "model.onnx", reference, pictures)


def test_a_batch_that_the_legacy_exporter_declares_dynamic_and_fixes_is_caught(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    small.network = FixedFeatures(small.network)
    export_plainly(
        small,
        tmp_path / "model.onnx",
        torch.zeros(2, 28, 28, dtype=torch.uint8),
        dynamo=False,
        dynamic_axes={name: {0: "batch"} for name in ("images", "probabilities", "scores")},
    )
    with pytest.raises(prove.ProofFailed, match="batches of 1 cannot be run|has the signature"):
        prove.prove_onnx(tmp_path / "model.onnx", reference, pictures)


def test_torchscript_traced_in_training_mode_is_caught_even_after_eval(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(small.train(), torch.from_numpy(pictures[:4]), check_trace=False).eval()
        traced.save(str(tmp_path / "model.ts"))
    with pytest.raises(prove.ProofFailed):
        prove.prove_torchscript(tmp_path / "model.ts", reference, pictures)


def test_numbers_alone_catch_the_traced_dropout(
    small: Model, reference: prove.Reference, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prove, "FORBIDDEN_CALLS", ())
    test_torchscript_traced_in_training_mode_is_caught_even_after_eval(small, reference, pictures, tmp_path)


def test_weights_kept_beside_the_file_are_caught(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    export.write_onnx(small, path, {})
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(prove.ProofFailed, match="another file"):
        prove.prove_onnx(path, reference, pictures)


def test_no_path_of_the_exporting_machine_is_in_the_file(small: Model, tmp_path: Path) -> None:
    export.write_onnx(small, tmp_path / "model.onnx", {"name": '"small"'})
    content = (tmp_path / "model.onnx").read_bytes()
    assert str(Path(export.__file__).parent.parent).encode() not in content
    assert {item.key: item.value for item in onnx.load(tmp_path / "model.onnx").metadata_props} == {"name": '"small"'}


def test_other_pictures_than_the_references_are_not_compared(
    small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    export.write_torchscript(small, tmp_path / "model.ts", {})
    with pytest.raises(prove.ProofImpossible, match="other pictures"):
        prove.prove_torchscript(tmp_path / "model.ts", reference, pictures[::-1].copy())


def test_a_faithful_export_with_evidence_passes_and_says_how_far_it_is(
    rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    card = export.build(rejecting, rejecting_reference, pictures, CARD, tmp_path / "small")
    for report in card.proof.values():
        assert all(0 < row["evidence_eps"] < 30 for row in report["batches"].values())
    assert [output.name for output in onnx.load(tmp_path / "small" / "model.onnx").graph.output] == [
        "probabilities", "scores", "evidence",
    ]  # fmt: skip
    stored = prove.read_reference(tmp_path / "small" / "reference.npz", rejecting)
    session = Session(tmp_path / "small" / "model.onnx")
    assert session.has_evidence
    probabilities, _, evidence = session.outputs(pictures)
    assert (session.rows(pictures) == np.column_stack([probabilities, evidence])).all()
    assert stored.evidence is not None
    assert (stored.evidence == rejecting_reference.evidence).all()
    assert prove.prove_onnx(tmp_path / "small" / "model.onnx", stored, pictures)


def test_evidence_withstands_scores_whose_exponentials_do_not(rejecting: Model, pictures: Pictures, tmp_path: Path) -> None:
    with torch.no_grad():
        rejecting.network.linear.weight *= 1_000
    reference = prove.evaluate_reference(rejecting, pictures)
    assert abs(reference.scores).max() > 3_000
    export.build(rejecting, reference, pictures, CARD, tmp_path / "small")


@pytest.mark.parametrize("bug", EVIDENCE_BUGS)
def test_an_onnx_file_whose_evidence_alone_is_wrong_is_not_written(
    bug: str, rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    give_head(rejecting, EVIDENCE_BUGS[bug])
    with pytest.raises(prove.ProofFailed):
        export.build(rejecting, rejecting_reference, pictures, CARD, tmp_path / "models" / "small")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("bug", EVIDENCE_BUGS)
def test_a_torchscript_file_whose_evidence_alone_is_wrong_is_caught(
    bug: str, rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    give_head(rejecting, EVIDENCE_BUGS[bug])
    export.write_torchscript(rejecting, tmp_path / "model.ts", {})
    with pytest.raises(prove.ProofFailed):
        prove.prove_torchscript(tmp_path / "model.ts", rejecting_reference, pictures)


def test_evidence_that_the_trained_function_does_not_have_is_caught(
    rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    without = replace(rejecting_reference, evidence=None)
    export.write_onnx(rejecting, tmp_path / "model.onnx", {})
    with pytest.raises(prove.ProofFailed, match="has the signature"):
        prove.prove_onnx(tmp_path / "model.onnx", without, pictures)
    export.write_torchscript(rejecting, tmp_path / "model.ts", {})
    with pytest.raises(prove.ProofFailed, match="3 outputs, not 2"):
        prove.prove_torchscript(tmp_path / "model.ts", without, pictures)


@pytest.mark.parametrize("order", [(0, 1), (0, 2, 1), (2, 0, 1), (1, 0, 2)])
def test_an_onnx_file_whose_outputs_were_moved_or_removed_is_caught(
    order: tuple[int, ...], rejecting: Model, rejecting_reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    export.write_onnx(rejecting, path, {})
    changed = onnx.load(path)
    outputs = [changed.graph.output[place] for place in order]
    del changed.graph.output[:]
    changed.graph.output.extend(outputs)
    onnx.save(changed, path)
    with pytest.raises(prove.ProofFailed, match="has the signature"):
        prove.prove_onnx(path, rejecting_reference, pictures)
    if order != (0, 1):  # which is a model without evidence
        with pytest.raises(ModelUnusable, match="is not a model of this project"):
            Session(path)


def export_plainly(model: Model, path: Path, example: Tensor, **options: Any) -> None:
    """As the tutorials do, past our own exporter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(path),
            input_names=["images"],
            output_names=["probabilities", "scores"],
            external_data=False,
            verbose=False,
            **options,
        )


@pytest.mark.parametrize("bug", [name for name in BUGS if name != "exported in training mode"])
def test_a_torchscript_file_with_this_bug_is_caught(
    bug: str, small: Model, reference: prove.Reference, pictures: Pictures, tmp_path: Path
) -> None:
    BUGS[bug](small, pictures)
    export.write_torchscript(small, tmp_path / "model.ts", {})
    with pytest.raises(prove.ProofFailed):
        prove.prove_torchscript(tmp_path / "model.ts", reference, pictures)
