"""Weights to files: model.onnx, model.ts, reference.npz, card.json. Nothing is written that is not proved."""

import copy
import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from serving.card import CONTRACT, Card
from serving.runtime import INPUT, OUTPUTS, Pictures
from training import data, promise, prove, runs
from training.evaluate import accuracies
from training.model import Model, Rejecting, flops, parameters
from training.recipe import Recipe
from training.recipes import RECIPES

OPSET = 20
MAX_BATCH = 65_536

FASHION_CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
CLASSES: dict[data.DatasetName, list[str]] = {
    "MNIST": [str(digit) for digit in range(10)],
    "FashionMNIST": FASHION_CLASSES,
}

Make = Callable[[Path, dict[str, str]], dict[str, prove.Report]]
"""Writes a model's files to a folder, with the card's essence, and proves them. Raises prove.ProofFailed."""


def export(name: str, runs_folder: Path, folder: Path, tell: Callable[[str], object] = lambda _doing: None) -> Card:
    """Export the finished seed 0 of a recipe and say in its card what all its seeds measured.

    tell: is told what is being done, where it takes a while.

    Raises prove.ProofFailed with nothing written where a file is not the trained function, runs.RunFault where the run
    is missing.
    """
    results = runs.read_finished(name, runs_folder)
    checkpoint, recipe = runs.locate(name, 0, runs_folder).checkpoint, RECIPES[name]
    temperature = results[0].temperature
    pictures: Pictures = data.load(recipe.dataset, "test").pictures.numpy()
    # Read twice: the reference must come from the file, not from a model that exporting may have touched.
    model = runs.load_model(checkpoint, name, recipe, temperature)
    reference = prove.evaluate_reference(runs.load_model(checkpoint, name, recipe, temperature), pictures)
    card = describe(name, recipe, model, results)
    if recipe.head is Rejecting:
        card["decision"], card["promise"] = promise.make(partial(promise.answer, model), tell)
    return build(model, reference, pictures, card, folder)


def build(model: Model, reference: prove.Reference, pictures: Pictures, card: dict[str, Any], folder: Path) -> Card:
    """Write a model's four files after proving two of them against the reference.

    pictures: the (N, 28, 28) uint8 of the reference. card: everything but onnx_sha256 and proof; without decision and
    promise they are null. Raises prove.ProofFailed and leaves the folder as it was.
    """

    def make(staging: Path, essence: dict[str, str]) -> dict[str, prove.Report]:
        write_onnx(model, staging / "model.onnx", essence)
        write_torchscript(model, staging / "model.ts", essence)
        return {
            "onnx": prove.prove_onnx(staging / "model.onnx", reference, pictures),
            "torchscript": prove.prove_torchscript(staging / "model.ts", reference, pictures),
        }

    return publish(make, reference, card, folder)


def publish(make: Make, reference: prove.Reference, card: dict[str, Any], folder: Path) -> Card:
    """Have a model's files made beside its folder, and put them there with their reference and card when they are proved.

    card: everything but onnx_sha256 and proof. Whatever `make` raises leaves the folder as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as temporary:
        staging = Path(temporary)
        proof = make(staging, Card(**card, onnx_sha256="", proof={}).essence())
        finished = Card(**card, onnx_sha256=sha256(staging / "model.onnx"), proof=proof)
        reference.save(staging / "reference.npz")
        (staging / "card.json").write_text(finished.to_json(), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file in sorted(staging.iterdir(), key=lambda file: file.name == "card.json"):  # which proves the others, last
            shutil.move(file, folder / file.name)
    return finished


def write_onnx(model: Model, path: Path, essence: dict[str, str]) -> None:
    """Write one self-contained ONNX file with a dynamic batch axis and the card's essence in its metadata.

    The program is made by torch.export first: torch.onnx.export of a module silently drops a batch axis that the network
    fixes, torch.export refuses it. Raises prove.ProofFailed there, and where ONNX has no word for what the network does.
    """
    batch = ({0: torch.export.Dim("batch", min=1, max=MAX_BATCH)},)
    example = (torch.zeros(2, 28, 28, dtype=torch.uint8),)
    try:
        program = torch.export.export(_ready(model), example, dynamic_shapes=batch)
    except torch._dynamo.exc.UserError as error:  # noqa: SLF001  torch's only name for it
        raise prove.ProofFailed(f"torch.export refuses a batch axis that may vary: {error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        try:
            exported = torch.onnx.export(
                program,
                input_names=[INPUT],
                output_names=list(OUTPUTS[: len(program.graph_signature.user_outputs)]),
                dynamic_shapes=batch,
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise prove.ProofFailed(f"torch.onnx cannot express the network: {_root(error)}") from error
    assert exported is not None  # it is None only where a path was given
    for node in exported.model.graph:
        node.metadata_props.clear()  # stack traces with the paths of the machine that exported
    exported.model.metadata_props.update(essence)
    exported.save(str(path), external_data=False)


def _root(error: BaseException) -> str:
    """The first line of what began a chain of exceptions."""
    while error.__cause__:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]


def write_torchscript(model: Model, path: Path, essence: dict[str, str]) -> None:
    """Write the frozen module; a loader may call torch.jit.optimize_for_inference, whose own result cannot be loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates TorchScript at each use of it
        frozen = torch.jit.freeze(torch.jit.script(_ready(model)))
        torch.jit.save(frozen, str(path), _extra_files={"card.json": json.dumps(essence).encode()})


def _ready(model: Model) -> Model:
    return copy.deepcopy(model).cpu().float().eval()


def describe(name: str, recipe: Recipe, model: Model, results: list[runs.Result]) -> dict[str, Any]:
    """The card but for what only the finished files can tell."""
    first = results[0]
    return {
        "contract": CONTRACT,
        "name": name,
        "lab": recipe.lab,
        "dataset": {"name": recipe.dataset, "sha256": data.fingerprint(recipe.dataset)},
        "reading": recipe.reading,
        "classes": CLASSES[recipe.dataset],
        "parameters": parameters(model),
        "flops": flops(model),
        "recipe": f"{first.recipe}." + (f" Corrected: {recipe.corrected}." if recipe.corrected else ""),
        "seed": first.seed,
        "validation": accuracies([result.validation for result in results]),
        "test": accuracies([result.test for result in results], recipe.lab_accuracy),
        "ece": {"before": first.ece_before, "after": first.ece_after},
        "temperature": first.temperature,
        "hardware": first.hardware,
        "versions": first.versions | versions(),
        "commit": first.commit,
    }


def versions() -> dict[str, str]:
    """Of what exports and proves."""
    return {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime", "numpy")}


def sha256(path: Path) -> str:
    """Of a file, as cards name it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
