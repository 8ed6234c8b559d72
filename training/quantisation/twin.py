"""An exported model to one of whole numbers: models/NAME to models/NAME_int8.

Its reference is the float32 file's graph in float64 with numbers rounded where and how they are to be, and not what was
written of that. What follows from its scores is its own: temperature and thresholds are chosen anew, on what the float32
model's were chosen on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnx.helper
import onnx.numpy_helper

from serving.card import Card, read_card
from serving.evaluation.figures import Accuracy, calibration_error
from serving.runtime import OUTPUTS, Outputs, Pictures, Session
from training import copies, data, export, fit, promise, prove, runs, uploads
from training.evaluate import Labels, Scores, accuracies, accuracy
from training.quantisation import qdq
from training.quantisation.exact import AT_ONCE, Exact, Graph
from training.quantisation.grid import Grids
from training.recipe import Recipe
from training.recipes import RECIPES

SUFFIX = "_int8"
TEMPERATURE = "head.temperature"
"""The constant's name in exported graphs."""
CALIBRATION = 500
"""Training images that the grids are chosen on; a recipe that trains on uploads adds about as many of those."""
UPLOADS = 0.00125
"""Their share of all that can be made."""
HOW = (
    "int8: inputs of eight bits, weights of seven, each output's step its own, all steps powers of two, no sum above 2^24; "
    "what is rounded has the same bits in int8, float32 and float64, whichever processor takes the sums; what comes behind "
    "an average is float32"
)


class Split(NamedTuple):
    """What became of the answers to a split; probabilities (N, 10) are those of the model of whole numbers."""

    probabilities: Exact
    before: npt.NDArray[np.int64]
    """(N,): what the float32 model answers."""
    labels: Labels

    @property
    def accuracy(self) -> Accuracy:
        """Of the model of whole numbers."""
        return accuracy(self.probabilities, self.labels)

    def changes(self) -> dict[str, int]:
        """How many answers changed, and how many of these were right and are wrong, or the other way."""
        now, changed = self.probabilities.argmax(1), self.probabilities.argmax(1) != self.before
        became_wrong, became_right = changed & (self.before == self.labels), changed & (now == self.labels)
        return {
            "pictures": len(now),
            "changed": int(changed.sum()),
            "became_wrong": int(became_wrong.sum()),
            "became_right": int(became_right.sum()),
        }


def quantise(name: str, models: Path, tell: Callable[[str], object] = lambda _doing: None) -> Card:
    """Write models/NAME_int8, made of models/NAME, which is a recipe's; nothing is trained.

    tell: is told what is being done, where it takes a while.

    Raises prove.ProofFailed, with nothing written, where the file is not the rounded function, and qdq.NotForInt8 where
    there is none; prove.ProofImpossible, serving.card.CardInvalid and data.DataFault where something is missing.
    """
    recipe, card = RECIPES[name], read_card(models / name / "card.json")
    prove.check_file(models / name / "model.onnx", card)
    model, before = onnx.load(models / name / "model.onnx"), Session(models / name / "model.onnx")
    tell("choosing what to round to")
    calibration = calibration_of(recipe)
    grids = qdq.choose(model, calibration)
    tell("answering validation pictures")
    images = data.validation_part(data.load(recipe.dataset, "train"))
    of_validation = _answers(_session(model, grids), images.pictures.numpy())[1]
    temperature = recipe.head.fit(of_validation, fit.labels_of(images))
    _set_temperature(model, temperature)
    validation = _split(_probabilities(recipe, of_validation, temperature), before, images)
    decided = promise.make(partial(_ask, _session(model, grids)), tell) if card.decision else (None, None)
    tell("opening the test split")
    images = data.load(recipe.dataset, "test")
    pictures: Pictures = images.pictures.numpy()
    names = OUTPUTS if before.has_evidence else OUTPUTS[:2]
    probabilities, scores, *evidence = Graph(model, grids).run(names, pictures)
    reference = prove.Reference(probabilities, scores, prove.fingerprint(pictures), *evidence)
    test = _split(reference.probabilities, before, images)
    ece_before = calibration_error(_probabilities(recipe, reference.scores, 1.0), test.labels)
    values = {
        "name": name + SUFFIX,
        "validation": accuracies([validation.accuracy]),
        "test": accuracies([test.accuracy]),
        "ece": {"before": ece_before, "after": calibration_error(test.probabilities, test.labels)},
        "temperature": temperature,
        "versions": card.versions | export.versions(),
        "commit": runs.commit(),
        "decision": decided[0],
        "promise": decided[1],
        "quantised": {
            "from": name,
            "onnx_sha256": card.onnx_sha256,
            "how": HOW,
            "calibrated_on": f"{len(calibration):,} training pictures",
            "accuracy_before": {"validation": card.validation["accuracy"], "test": card.test["accuracy"]},
            "changed": {"validation": validation.changes(), "test": test.changes()},
        },
    }
    kept = {key: getattr(card, key) for key in Card.__slots__ if key not in {"onnx_sha256", "proof"}}
    tell("proving")
    make = partial(_make, qdq.write(model, grids), reference, pictures)
    return export.publish(make, reference, kept | values, models / (name + SUFFIX))


def _make(
    model: onnx.ModelProto, reference: prove.Reference, pictures: Pictures, staging: Path, essence: dict[str, str]
) -> dict[str, prove.Report]:
    onnx.helper.set_model_props(model, essence)
    onnx.save(model, staging / "model.onnx")
    return {"onnx": prove.prove_onnx(staging / "model.onnx", reference, pictures)}


def calibration_of(recipe: Recipe) -> Pictures:
    """A little of what the recipe trains on, as it is and as it is read of uploads, the same each time."""
    own: Pictures = data.training_part(data.load(recipe.dataset, "train"), CALIBRATION, seed=0).pictures.numpy()
    if recipe.pictures == "own" or not copies.PLANS[recipe.dataset].has_uploads:
        return own
    made: Pictures = uploads.load(UPLOADS)[slice(data.VALIDATION_START, None)].pictures.numpy()
    return np.concatenate([own, made])


def _set_temperature(model: onnx.ModelProto, temperature: float) -> None:
    (constant,) = (one for one in model.graph.initializer if one.name == TEMPERATURE)
    constant.CopyFrom(onnx.numpy_helper.from_array(np.array(temperature, np.float32), TEMPERATURE))


def _probabilities(recipe: Recipe, scores: Scores, temperature: float) -> Exact:
    model = fit.build(recipe)
    model.head.temperature.fill_(temperature)
    return np.asarray(fit.probabilities_of(model, scores))


def _split(probabilities: Exact, before: Session, images: data.Images) -> Split:
    return Split(probabilities, _answers(before, images.pictures.numpy())[0].argmax(1), fit.labels_of(images))


def _session(model: onnx.ModelProto, grids: Grids) -> Session:
    return Session(Path("model.onnx"), content=qdq.write(model, grids).SerializeToString())


def _answers(session: Session, pictures: Pictures) -> Outputs:
    parts = [session.outputs(pictures[start : start + AT_ONCE]) for start in range(0, len(pictures), AT_ONCE)]
    return tuple(np.concatenate(batches) for batches in zip(*parts, strict=True))


def _ask(session: Session, pictures: Pictures) -> promise.Answers:
    if not len(pictures):
        return promise.Answers(np.zeros((0, 10)), np.zeros(0))
    probabilities, _, evidence = _answers(session, pictures)
    return promise.Answers(probabilities.astype(np.float64), evidence.astype(np.float64))
