"""A run on disk: runs/<name>/seed-<n>/ with checkpoint.pt, history.jsonl, TensorBoard events, and at last result.json."""

import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from serving.evaluation.figures import Accuracy, calibration_error
from training import copies, data, device, evaluate, fit, history, kept, teaching, uploads
from training.model import Model
from training.origin import origin
from training.processes import ALONE, Processes
from training.recipe import Recipe

SAVE_EVERY_S = 60.0
"""What a killed training loses at most, where it is one process."""

StepCallback = Callable[[fit.Training, int], None]


class RunFault(Exception):
    """A run cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """One seed of one recipe, as a folder."""

    name: str
    seed: int
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The newest state of the training."""
        return self.folder / "checkpoint.pt"

    @property
    def history(self) -> Path:
        """One JSON object per epoch."""
        return self.folder / "history.jsonl"

    @property
    def events(self) -> Path:
        """The history once more, as TensorBoard reads it."""
        return self.folder / "events"

    @property
    def result(self) -> Path:
        """What the finished run measured."""
        return self.folder / "result.json"


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished run measured. The test split was opened once for it, after the last epoch."""

    name: str
    seed: int
    recipe: str
    """As it was carried out."""
    epochs: int
    validation_correct: int
    validation_total: int
    test_correct: int
    test_total: int
    temperature: float
    ece_before: float
    ece_after: float
    seconds: float
    hardware: str
    versions: dict[str, str]
    commit: str
    """Of the code that the training began with, and of each that went on with it."""
    origin: str = ""
    """What it came of, as `training.origin` names it; nothing where that was not noted yet."""

    @property
    def validation(self) -> Accuracy:
        """On the validation split."""
        return Accuracy(self.validation_correct, self.validation_total)

    @property
    def test(self) -> Accuracy:
        """On the official test split."""
        return Accuracy(self.test_correct, self.test_total)


def locate(name: str, seed: int, runs: Path) -> Run:
    """The folder of a run, existing or not."""
    return Run(name, seed, runs / name / f"seed-{seed}")


@dataclass(frozen=True, slots=True)
class Splits:
    """What a run trains on and looks at, on its device."""

    training: data.Images
    validation: data.Images
    curves: dict[str, data.Images]


def load_images(recipe: Recipe, seed: int, where: torch.device, progress: uploads.Progress = lambda _done: None) -> Splits:
    """The images of a recipe with a seed. progress: of those that have to be made. Raises data.DataFault."""
    everything = data.load(recipe.dataset, "train")
    match recipe.pictures:
        case "own":
            part = data.training_part(everything, recipe.images, seed if recipe.draw == "seed" else None)
        case "uploads":
            part = uploads.load(progress=progress)
        case "copies":
            part = copies.epoch(recipe.dataset, copies.load(recipe.dataset, progress))
        case "taught":
            part = teaching.load(recipe.dataset, progress)
    curves = {one.name: data.load(recipe.dataset, one.split)[slice(one.first, one.last)] for one in recipe.curves}
    return Splits(
        part.to(where),
        data.validation_part(everything).to(where),
        {name: images.to(where) for name, images in curves.items()},
    )


def carry_out(
    run: Run, training: fit.Training, splits: Splits, on_step: StepCallback, should_stop: Callable[[], bool]
) -> Iterator[fit.Epoch]:
    """Train to the end, yielding each epoch as it ends; the folder always holds the newest usable checkpoint.

    training: from `start`. splits: from `load_images`. It is saved at each epoch's end and each minute. Interrupted between
    two steps, it saves where it stands and raises fit.Interrupted; started again it continues from there to the same
    weights, bit for bit. Of several processes the first writes the files.
    """
    speaks = training.processes.is_first
    epochs = fit.fit(
        training,
        splits.training,
        splits.validation,
        on_step=on_step,
        should_stop=should_stop,
        on_block=_saving(run),
        curves=splits.curves,
    )
    try:
        with history.written(run.history, run.events) if speaks else nullcontext() as log:
            for epoch in epochs:
                if log:
                    log.add(epoch)
                _save(training, run)
                yield epoch
    except fit.Interrupted:
        _save(training, run)
        raise
    if speaks:
        result = _measure(run, training, splits.validation)
        _write_atomically(run.result, json.dumps(asdict(result), indent=2).encode() + b"\n")


def _saving(run: Run) -> Callable[[fit.Training], None]:
    """Saves a training from time to time; of several processes, which would have to agree when, not before an epoch ends."""
    saved = time.monotonic()

    def save(training: fit.Training) -> None:
        nonlocal saved
        if training.processes.count == 1 and time.monotonic() - saved >= SAVE_EVERY_S:
            _save(training, run)
            saved = time.monotonic()

    return save


def _measure(run: Run, training: fit.Training, validation: data.Images) -> Result:
    recipe, model = training.recipe, training.model
    scores, labels = fit.scores_of(model, validation), fit.labels_of(validation)
    test = data.load(recipe.dataset, "test")
    test_scores, test_labels = fit.scores_of(model, test.to(training.device)), fit.labels_of(test)
    before = calibration_error(fit.probabilities_of(model, test_scores), test_labels)
    model.head.temperature.fill_(recipe.head.fit(scores, labels))
    probabilities = fit.probabilities_of(model, test_scores)
    on_validation = evaluate.accuracy(fit.probabilities_of(model, scores), labels)
    on_test = evaluate.accuracy(probabilities, test_labels)
    return Result(
        name=run.name,
        seed=run.seed,
        recipe=str(recipe),
        epochs=training.epoch,
        validation_correct=on_validation.correct,
        validation_total=on_validation.total,
        test_correct=on_test.correct,
        test_total=on_test.total,
        temperature=model.head.temperature.item(),
        ece_before=before,
        ece_after=calibration_error(probabilities, test_labels),
        seconds=sum(line["seconds"] for line in history.read(run.history)),
        hardware=device.describe(next(model.parameters()).device),
        versions={"torch": torch.__version__, "torchvision": version("torchvision")},
        commit=training.notes["commit"],
        origin=training.notes["origin"],
    )


def start(run: Run, recipe: Recipe, where: torch.device, *, resume: bool, processes: Processes = ALONE) -> fit.Training:
    """The training of a run: as its checkpoint has it where it is to be resumed, else untrained in an emptied folder.

    Raises RunFault where the checkpoint cannot be continued.
    """
    training = fit.begin(recipe, run.seed, where, processes)
    training.notes = {"origin": origin(recipe), "commit": commit()}
    state = read_checkpoint(run.checkpoint, run.name) if resume and run.checkpoint.exists() else None
    if state:
        _check_continues(state, run, training)
        here = training.notes["commit"]
        training.restore(state)
        if not training.notes["commit"].endswith(here):
            training.notes["commit"] += f", {here}"
    if processes.is_first:
        run.folder.mkdir(parents=True, exist_ok=True)
        run.result.unlink(missing_ok=True)  # it would tell of other weights than the checkpoint's as soon as that moves on
        if state:
            history.trim(run.history, training.epoch)
        else:
            for path in (run.checkpoint, run.history):
                path.unlink(missing_ok=True)
    return training


def _check_continues(state: dict[str, Any], run: Run, training: fit.Training) -> None:
    now = {"precision": training.recipe.precision, "processes": training.processes.count}
    then = {"precision": state["precision"], "processes": len(state["random"])}
    if now != then:
        raise RunFault(
            f"{run.checkpoint} was trained in {then['precision']} by {then['processes']} processes, and this is "
            f"{now['precision']} and {now['processes']}; continue it as it was begun, or leave out --resume"
        )
    if state.get("notes", {}).get("origin") != training.notes["origin"]:
        raise RunFault(
            f"{run.checkpoint} is of another training: its network, its pictures, what it learns of them or its schedule "
            f"are not those of today; leave out --resume, or remove {run.folder}"
        )
    if (state["epoch"], state["step"]) > (training.recipe.epochs, 0):
        raise RunFault(
            f"{run.checkpoint} has been trained past epoch {training.recipe.epochs} already; "
            "ask for more epochs, or leave out --resume"
        )


def is_finished(run: Run, recipe: Recipe) -> bool:
    """Whether a run is there that was trained so, and at least for so many epochs. Raises RunFault, data.DataFault."""
    if not run.result.exists():
        return False
    result = read_result(run.result)
    return result.epochs >= recipe.epochs and result.origin == origin(recipe)


def read_result(path: Path) -> Result:
    """A finished run's result.json; RunFault where it is damaged."""
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise RunFault(f"{path} is not a run's result; remove it and train again") from error


def read_finished(name: str, runs: Path) -> list[Result]:
    """The finished runs of a recipe, by seed, seed 0's first.

    Raises RunFault where seed 0's is missing, or where they were not all trained alike.
    """
    results = sorted(map(read_result, (runs / name).glob("seed-*/result.json")), key=lambda result: result.seed)
    if not results or results[0].seed != 0:
        raise RunFault(f"{runs / name} has no finished run of seed 0; make one with: digits-train run {name}")
    if len({(result.recipe, result.origin) for result in results}) > 1:
        raise RunFault(f"{runs / name} has seeds that were not trained alike; train them anew")
    return results


def read_checkpoint(path: Path, name: str) -> dict[str, Any]:
    """A checkpoint's state, its tensors on the CPU. RunFault where the file is missing, damaged or another network's."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunFault(f"{path} does not exist; train first with: digits-train run {name}") from error
    except Exception as error:
        raise RunFault(f"{path} is not a usable checkpoint; remove it and train again") from error
    if state["name"] != name:
        raise RunFault(f"{path} is a checkpoint of {state['name']!r}, not of {name!r}")
    return state


def load_model(path: Path, name: str, recipe: Recipe, temperature: float) -> Model:
    """The trained model on the CPU, in evaluation mode, its weights read from a checkpoint."""
    model = fit.build(recipe)
    model.network.load_state_dict(read_checkpoint(path, name)["network"])
    model.head.temperature.fill_(temperature)
    return model.eval()


def commit() -> str:
    """The commit of the code that runs, with "-dirty" where files differ from it; "unknown" outside a clone."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607

    try:
        dirty = git("status", "--porcelain", "--untracked-files=no", "--", str(here), str(here.parent / "serving"))
        return git("rev-parse", "HEAD").strip() + ("-dirty" if dirty.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _save(training: fit.Training, run: Run) -> None:
    state = {"name": run.name, "precision": training.recipe.precision, **training.state()}
    if not training.processes.is_first:
        return
    buffer = io.BytesIO()  # torch meets a full disk with an exception that does not say so
    torch.save(state, buffer)
    _write_atomically(run.checkpoint, buffer.getbuffer())


def _write_atomically(path: Path, content: bytes | memoryview) -> None:
    try:
        kept.replace(path, content)
    except OSError as error:
        raise RunFault(f"{path} cannot be written: {error.strerror}") from error
