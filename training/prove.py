"""How far an exported model is from its float64 reference. An export that fails here is not written.

The reference is the trained weights evaluated in float64: never eager float32, whose answers change with the batch size,
and never the exported file. The distance is normwise, in units of float32's eps: correct float32 runtimes measure 1 to
21 eps on these networks, one weight off by 1e-3 measures 1,423. Elementwise comparisons fail correct models where
scores cancel, and comparing accuracy or answers passes most real export bugs.
"""

import copy
import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import onnx
import onnx.reference
import torch

from serving import runtime
from serving.card import Card, read_card
from serving.runtime import EVIDENCE, INPUT, PROBABILITIES, SCORES, Output, Outputs, Pictures
from training import data, fit, runs
from training.model import Model
from training.recipes import RECIPES

EPS = 2.0**-23
TOLERANCE_EPS = 64
"""Three times what the worst correct float32 runtime was seen to need, a twentieth of one weight off by 1e-3."""
BATCHES = (1, 2, 7, 64, 1000)
REFERENCE_PICTURES = 1000
"""How many test pictures reference.npz covers."""
ONNX_REFERENCE_PICTURES = 20
"""The numpy evaluator of onnx is slow: a third opinion on a few pictures."""
FORBIDDEN_OPERATORS = {
    "Dropout", "BatchNormalization", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
    "Bernoulli", "Multinomial",
}  # fmt: skip
FORBIDDEN_CALLS = ("aten::dropout", "aten::batch_norm", "aten::rand", "aten::bernoulli", "aten::normal")

Runner = Callable[[Pictures], Outputs]
"""Pictures to (probabilities, scores), or to (probabilities, scores, evidence)."""
Exact = npt.NDArray[np.float64]


class ProofFailed(Exception):
    """The exported file is not the trained function; the message says where they differ."""


class ProofImpossible(Exception):
    """There is nothing to compare with; the message names what is missing."""


class BatchReport(TypedDict):
    """What one batch size measured."""

    pictures: int
    scores_eps: float
    probabilities_eps: float
    evidence_eps: NotRequired[float]
    """Of a model that has evidence."""
    differing: int
    """Answers that differ from float64's, each with a float64 margin below the tolerance."""


class Report(TypedDict):
    """What one format measured."""

    runtime: str
    tolerance_eps: int
    batches: dict[str, BatchReport]
    same_bits_at_every_batch: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """What the trained function gives in float64.

    probabilities: (N, 10) float64, scores: (N, 10) or (N, 1), evidence: (N,) where the model has it, for the pictures in
    order.
    """

    probabilities: Exact
    scores: Exact
    pictures_sha256: str
    evidence: Exact | None = None

    def outputs(self) -> dict[str, Exact]:
        """What is compared, by the name and in the order of an exported model's outputs."""
        two = {PROBABILITIES: self.probabilities, SCORES: self.scores}
        return two if self.evidence is None else two | {EVIDENCE: self.evidence}

    def save(self, path: Path) -> None:
        """Write the first 1,000 rows as an .npz; the probabilities are what the head makes of the scores, and not kept."""
        kept: dict[str, Any] = {
            name: values[:REFERENCE_PICTURES] for name, values in self.outputs().items() if name != PROBABILITIES
        }
        np.savez_compressed(path, **kept, pictures_sha256=np.array(self.pictures_sha256))


def evaluate_reference(model: Model, pictures: Pictures) -> Reference:
    """The trained model in float64, on the CPU, whatever its own precision and device."""
    exact = copy.deepcopy(model).cpu().double().eval()
    with torch.inference_mode():
        parts = [exact(torch.from_numpy(batch)) for batch in np.array_split(pictures, max(1, len(pictures) // 500))]
    probabilities, scores, *evidence = (torch.cat(batches).numpy() for batches in zip(*parts, strict=True))
    return Reference(probabilities, scores, fingerprint(pictures), *evidence)


def read_reference(path: Path, model: Model) -> Reference:
    """Read a reference.npz. Raises ProofImpossible where it is missing or damaged.

    model: of the recipe, its temperature set, its weights whatever they are; its head gives the probabilities.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            sha256, scores = str(stored["pictures_sha256"]), stored[SCORES]
            return Reference(np.asarray(fit.probabilities_of(model, scores)), scores, sha256, stored.get(EVIDENCE))
    except (OSError, ValueError, KeyError) as error:
        raise ProofImpossible(f"{path} is missing or damaged") from error


def fingerprint(pictures: Pictures) -> str:
    """sha256 of the first 1,000 pictures, so that a reference is never compared with others."""
    return hashlib.sha256(np.ascontiguousarray(pictures[:REFERENCE_PICTURES]).tobytes()).hexdigest()


def prove_onnx(path: Path, reference: Reference, pictures: Pictures) -> Report:
    """Prove an ONNX file: its graph, onnxruntime as serving runs it, and onnx's own evaluator on a few pictures.

    pictures: the (N, 28, 28) uint8 that the reference was made of. Raises ProofFailed.
    """
    _check_graph(path, reference)
    try:
        session = runtime.Session(path)
    except runtime.ModelUnusable as error:
        raise ProofFailed(str(error)) from error
    report = compare(session.outputs, reference, pictures, runtime.VERSION)
    _check_third_opinion(path, reference, pictures)
    return report


def prove_torchscript(path: Path, reference: Reference, pictures: Pictures) -> Report:
    """Prove a TorchScript file, run on one thread as it was saved. Raises ProofFailed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates TorchScript at each use of it
        module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    calls = str(module.inlined_graph)
    if present := [call for call in FORBIDDEN_CALLS if call in calls]:
        raise ProofFailed(f"{path}: the graph calls {', '.join(present)}")

    def run(batch: Pictures) -> Outputs:
        with torch.inference_mode():
            return tuple(output.numpy() for output in module(torch.from_numpy(batch)))

    return compare(run, reference, pictures, f"torch {torch.__version__}")


def compare(run: Runner, reference: Reference, pictures: Pictures, runtime_name: str) -> Report:
    """Run all pictures at every batch size and measure the distance from float64. Raises ProofFailed."""
    if fingerprint(pictures) != reference.pictures_sha256:
        raise ProofImpossible("the reference was made of other pictures than these")
    batches, outputs = {}, []
    for size in BATCHES:
        out = _run_in_batches(run, pictures, size)
        batches[str(size)] = _measure(out, reference, size)
        outputs.append(out)
    _check_repeats(run, pictures)
    _check_mates(run, reference, pictures)
    same = all((a == b).all() for out in outputs[1:] for a, b in zip(out, outputs[0], strict=True))
    return Report(runtime=runtime_name, tolerance_eps=TOLERANCE_EPS, batches=batches, same_bits_at_every_batch=bool(same))


def repeat(name: str, folder: Path, checkpoint: Path | None) -> dict[str, Report]:
    """Prove a model's files again: against its reference.npz, or with a checkpoint on all 10,000 test pictures.

    Raises ProofFailed, or ProofImpossible, serving.card.CardInvalid and runs.RunFault where something is missing.
    """
    card = read_card(folder / "card.json")
    onnx_file, torchscript_file = folder / "model.onnx", folder / "model.ts"
    check_file(onnx_file, card)
    recipe = RECIPES[card.trained_as]
    pictures: Pictures = data.load(recipe.dataset, "test").pictures.numpy()
    if checkpoint is None:
        model = fit.build(recipe)
        model.head.temperature.fill_(card.temperature)
        reference, pictures = read_reference(folder / "reference.npz", model), pictures[:REFERENCE_PICTURES]
    elif card.quantised:
        raise ProofImpossible(f"{name} is not what a checkpoint holds, but what was made of {card.quantised['from']}")
    else:
        reference = evaluate_reference(runs.load_model(checkpoint, name, recipe, card.temperature), pictures)
    proof = {"onnx": prove_onnx(onnx_file, reference, pictures)}
    if torchscript_file.exists():
        proof["torchscript"] = prove_torchscript(torchscript_file, reference, pictures)
    return proof


def check_file(path: Path, card: Card) -> None:
    """Raises ProofImpossible where a model.onnx is missing, ProofFailed where its card is another's."""
    if not path.exists():
        raise ProofImpossible(f"{path} is missing")
    if hashlib.sha256(path.read_bytes()).hexdigest() != card.onnx_sha256:
        raise ProofFailed(f"{path} is not the file that {path.with_name('card.json')} was written for")


def _run_in_batches(run: Runner, pictures: Pictures, size: int) -> Outputs:
    try:
        parts = [run(pictures[start : start + size]) for start in range(0, len(pictures), size)]
        return tuple(np.concatenate(batches) for batches in zip(*parts, strict=True))
    except Exception as error:  # a runtime meets a fixed batch with whatever exception it has
        raise ProofFailed(f"batches of {size} cannot be run: {error}") from error


def _measure(out: Outputs, reference: Reference, size: int) -> BatchReport:
    exact = reference.outputs()
    if len(out) != len(exact):
        raise ProofFailed(f"there are {len(out)} outputs, not {len(exact)}: {', '.join(exact)}")
    distances = {name: _measure_output(name, got, exact[name], size) for name, got in zip(exact, out, strict=True)}
    report = BatchReport(
        pictures=len(out[0]),
        scores_eps=distances[SCORES],
        probabilities_eps=distances[PROBABILITIES],
        differing=_count_differing(out[0], reference.probabilities, size),
    )
    if EVIDENCE in distances:
        report["evidence_eps"] = distances[EVIDENCE]
    return report


def _measure_output(name: str, got: Output, exact: Exact, size: int) -> float:
    """The distance of one output, in eps to two places. Raises ProofFailed where it is too far or no output of ours."""
    if got.dtype != np.float32 or got.shape != exact.shape or not np.isfinite(got).all():
        raise ProofFailed(
            f"{name} at batch {size}: {got.dtype} {got.shape} for float32 {exact.shape}, or values that are not finite"
        )
    distance = _distance_eps(got, exact, exact)
    if distance > TOLERANCE_EPS:
        raise ProofFailed(f"{name} at batch {size}: {distance:,.0f} eps from float64; {TOLERANCE_EPS} are allowed")
    return round(distance, 2)


def _count_differing(got: Output, exact: Exact, size: int) -> int:
    """How many answers differ. Raises ProofFailed where one does whose float64 margin is not below the tolerance."""
    differing = got.argmax(1) != exact.argmax(1)
    ordered = np.sort(exact, axis=1)
    undecided = ordered[:, -1] - ordered[:, -2] < TOLERANCE_EPS * EPS * exact.max()
    if (differing & ~undecided).any():
        row = int(np.flatnonzero(differing & ~undecided)[0])
        raise ProofFailed(f"picture {row} at batch {size} has another answer than in float64")
    return int(differing.sum())


def _distance_eps(got: Output, exact: Exact, all_exact: Exact) -> float:
    """The largest difference of some rows, in eps of the largest value of all."""
    return float(np.abs(got - exact).max() / np.abs(all_exact).max() / EPS)


def _check_repeats(run: Runner, pictures: Pictures) -> None:
    first, second = run(pictures[:64]), run(pictures[:64])
    if not all((a == b).all() for a, b in zip(first, second, strict=True)):
        raise ProofFailed("the same batch gives other bits when it is repeated")


def _check_mates(run: Runner, reference: Reference, pictures: Pictures) -> None:
    """Pictures among full ink, blank paper and noise answer as they do alone."""
    few = pictures[:8]
    noise = np.random.default_rng(0).integers(0, 256, few.shape, dtype=np.uint8)
    mates = np.concatenate([np.full_like(few, 255), few, np.zeros_like(few), noise])
    for got, exact in zip(run(mates), reference.outputs().values(), strict=True):
        distance = _distance_eps(got[8:16], exact[:8], exact)
        if not distance <= TOLERANCE_EPS:
            raise ProofFailed(f"a picture's answer depends on its batch-mates: {distance:,.0f} eps from float64 among them")


def _check_graph(path: Path, reference: Reference) -> None:
    """One self-contained file, the promised signature, a batch axis that is dynamic, nothing random or left to train."""
    loaded = onnx.load(str(path), load_external_data=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in loaded.graph.initializer):
        raise ProofFailed(f"{path} keeps weights in another file")
    try:
        onnx.checker.check_model(loaded, full_check=True)
    except Exception as error:
        raise ProofFailed(f"{path} is refused by onnx.checker: {error}") from error
    signature = [_signature(value) for value in (*loaded.graph.input, *loaded.graph.output)]
    tensor = onnx.TensorProto
    promised = [
        (INPUT, tensor.UINT8, ["batch", 28, 28]),
        *((name, tensor.FLOAT, ["batch", *exact.shape[1:]]) for name, exact in reference.outputs().items()),
    ]
    if signature != promised:
        raise ProofFailed(f"{path} has the signature {signature}, not {promised}")
    operators = {node.op_type for node in loaded.graph.node} | {
        node.op_type for function in loaded.functions for node in function.node
    }
    if present := sorted(operators & FORBIDDEN_OPERATORS):
        raise ProofFailed(f"{path} contains {', '.join(present)}")


def _signature(value: Any) -> tuple[str, int, list[str | int]]:
    kind = value.type.tensor_type
    return value.name, kind.elem_type, [axis.dim_param or axis.dim_value for axis in kind.shape.dim]


def _check_third_opinion(path: Path, reference: Reference, pictures: Pictures) -> None:
    few = pictures[:ONNX_REFERENCE_PICTURES]
    outputs = onnx.reference.ReferenceEvaluator(str(path)).run(None, {INPUT: few})
    for got, exact in zip(outputs, reference.outputs().values(), strict=True):
        distance = _distance_eps(got, exact[: len(few)], exact)
        if not distance <= TOLERANCE_EPS:
            raise ProofFailed(f"onnx.reference is {distance:,.0f} eps from float64; {TOLERANCE_EPS} are allowed")
