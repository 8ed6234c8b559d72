"""The loop. It touches no files: its whole state is one value that can be saved and continued bit for bit."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.data import Images
from training.evaluate import Labels, Probabilities, Scores, accuracy
from training.model import Model
from training.processes import ALONE, Processes
from training.recipe import LOSSES, Recipe, rate_at

EVALUATION_BATCH = 1000
BLOCK = 1024
"""Pictures that are gathered and scaled at once: enough to spread the cost of the calls, few enough for the cache."""


@dataclass(slots=True)
class Tally:
    """Sums over the pictures of the running epoch."""

    loss: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Training:
    """A network on its way: everything that has to survive an interruption."""

    recipe: Recipe
    seed: int
    model: Model
    optimiser: Optimizer
    device: torch.device
    processes: Processes
    stepped: nn.Module
    """What a step calls: the network, or what spreads it over the processes."""
    epoch: int = 0
    step: int = 0
    tally: Tally = field(default_factory=Tally)
    notes: dict[str, str] = field(default_factory=dict)
    """What whoever keeps it has to know of it."""

    def state(self) -> dict[str, Any]:
        """The state as plain values and tensors; `restore` continues from it with the same bits.

        Every process has to ask for it, and each gets the state of all.
        """
        return {
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
            "tally": asdict(self.tally),
            "notes": self.notes,
            "network": self.model.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": self.processes.gather(_random_states(self.device)),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state`, of as many processes, stopped."""
        self.seed, self.epoch, self.step = state["seed"], state["epoch"], state["step"]
        self.tally = Tally(**state["tally"]) if self.processes.is_first else Tally()  # it is the sum over all of them
        self.notes = dict(state["notes"])
        self.model.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        random = state["random"][self.processes.rank]
        torch.set_rng_state(random["cpu"])
        if self.device.type == "cuda" and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"], self.device)


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a learning curve."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave; a line of the history. Training figures are running means over the epoch."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float
    curves: dict[str, Point]
    """What the recipe wants drawn beside: by its name."""


class Interrupted(Exception):
    """The user asked to stop; the training stands between two steps and can be continued."""


def build(recipe: Recipe) -> Model:
    """The recipe's function, untrained, on the CPU."""
    return Model(recipe.network(), recipe.mean, recipe.std, recipe.head)


def begin(recipe: Recipe, seed: int, device: torch.device, processes: Processes = ALONE) -> Training:
    """An untrained network: the seed decides its weights, its draw of the data, their order and its dropout.

    The processes begin with the same weights and go on with random numbers of their own.
    """
    torch.manual_seed(seed)
    model = build(recipe).to(device)
    if recipe.precision == "bf16":
        model.network.to(memory_format=torch.channels_last)  # the layout that bfloat16 convolutions are fast in
    if not processes.is_first:
        torch.manual_seed(seed + 1_000_003 * processes.rank)
    optimiser = recipe.optimiser.make(model.network.parameters())
    return Training(recipe, seed, model, optimiser, device, processes, processes.wrap(model.network, device))


def fit(
    training: Training,
    images: Images,
    validation: Images,
    epochs: int | None = None,
    on_step: Callable[[Training, int], None] = lambda _training, _steps: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_block: Callable[[Training], None] = lambda _training: None,
    curves: Mapping[str, Images] = MappingProxyType({}),
) -> Iterator[Epoch]:
    """Train up to the recipe's epochs, or as many as are said, yielding each as it ends.

    images, validation, curves: on the training's device; curves are measured after each epoch beside validation. on_step
    is called after each step with the training and the steps of an epoch; on_block between two steps, where all figures are
    settled, several times a second: the state can be saved there. Raises Interrupted between two steps as soon as
    should_stop says so.
    """
    while training.epoch < (epochs or training.recipe.epochs):
        _run_epoch(training, images, on_step, should_stop, on_block)
        tally, point = training.tally, measure(training, validation)
        epoch = Epoch(
            epoch=training.epoch + 1,
            train_loss=tally.loss / tally.seen,
            train_accuracy=tally.correct / tally.seen,
            validation_loss=point.loss,
            validation_accuracy=point.accuracy,
            seconds=tally.seconds,
            images_per_second=tally.seen / tally.seconds,
            curves={name: measure(training, part) for name, part in curves.items()},
        )
        training.epoch, training.step, training.tally = training.epoch + 1, 0, Tally()
        yield epoch


def measure(training: Training, images: Images) -> Point:
    """Loss and accuracy of the network as it stands, on the training's device, in evaluation mode."""
    scores, labels = scores_of(training.model, images), images.labels.cpu()
    loss = float(LOSSES[training.recipe.loss](torch.from_numpy(scores), labels))
    return Point(loss, accuracy(probabilities_of(training.model, scores), labels.numpy()).value)


def _run_epoch(
    training: Training,
    images: Images,
    on_step: Callable[[Training, int], None],
    should_stop: Callable[[], bool],
    on_block: Callable[[Training], None],
) -> None:
    """Go through the epoch in blocks of steps: what does not depend on the weights is done once for a whole block."""
    batch, processes = training.recipe.batch, training.processes
    order = _order(len(images), training)
    steps = -(-len(order) // batch)
    training.model.train()
    stopping = False
    while training.step < steps and not stopping:
        began = time.perf_counter()
        first, last = training.step * batch, (training.step + max(1, BLOCK // batch)) * batch
        batches = order[first:last].split(batch)  # type: ignore[no-untyped-call]
        shares = [processes.share(rows) for rows in batches]
        sizes = [len(share) for share in shares]
        block = images.take(torch.cat(shares).to(training.device))
        done: list[tuple[Tensor, Tensor]] = []
        inputs = training.model.scale(block.pictures).split(sizes)
        for rows, pixels, targets in zip(batches, inputs, block.targets.split(sizes), strict=True):  # type: ignore[no-untyped-call]
            stopping = processes.any(should_stop())
            if stopping:
                break
            _set_rate(training, steps)
            done.append(_step(training, pixels, targets, processes.weight(len(targets), len(rows))))
            training.step += 1
            on_step(training, steps)
        if done:
            _settle(training, done, block.labels)
        training.tally.seconds += time.perf_counter() - began
        on_block(training)
    _share_tally(training)
    if stopping:
        raise Interrupted


def _set_rate(training: Training, steps: int) -> None:
    """Set the next step's learning rate, which depends on where the training stands alone: resuming changes nothing."""
    recipe = training.recipe
    if recipe.schedule == "constant":
        return
    part = rate_at(recipe.schedule, (training.epoch * steps + training.step) / (recipe.epochs * steps))
    for group in training.optimiser.param_groups:
        group["lr"] = recipe.optimiser.rate * part


def _share_tally(training: Training) -> None:
    """Make the tally that of all processes."""
    tally = training.tally
    loss, correct, seen = training.processes.total([tally.loss, tally.correct, tally.seen])
    training.tally = Tally(loss, round(correct), round(seen), tally.seconds)


def _step(training: Training, pixels: Tensor, targets: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """One step of the optimiser. Returns the loss and the scores, still on the device."""
    recipe = training.recipe
    for group in training.optimiser.param_groups:
        for parameter in group["params"]:
            parameter.grad = None  # as optimiser.zero_grad() does, without its 28 us, 5 % of a small network's step
    with _precision(training):
        scores = training.stepped(pixels).float()
    loss = LOSSES[recipe.loss](scores, targets)
    minimised = loss if weight == 1 else loss * weight
    if recipe.l1:
        minimised = minimised + recipe.l1 * sum(parameter.abs().sum() for parameter in training.model.network.parameters())
    minimised.backward()  # type: ignore[no-untyped-call]
    training.optimiser.step()
    return loss.detach(), scores.detach()


def _precision(training: Training) -> AbstractContextManager[object]:
    if training.recipe.precision == "bf16":
        return torch.autocast(training.device.type, torch.bfloat16)
    return nullcontext()


def _settle(training: Training, done: list[tuple[Tensor, Tensor]], labels: Tensor) -> None:
    """Add a block's figures to the tally; fetching them at each step would stall the device."""
    tally = training.tally
    losses, scores = zip(*done, strict=True)
    sizes = [len(part) for part in scores]
    tally.loss += float(np.dot(torch.stack(losses).cpu().numpy(), sizes))
    tally.correct += int((training.model.head.labels(torch.cat(scores)) == labels[: sum(sizes)]).sum())
    tally.seen += sum(sizes)


def _order(count: int, training: Training) -> Tensor:
    """The order of an epoch depends on seed and epoch alone, so that a resumed epoch continues in the same order."""
    if not training.recipe.shuffle:
        return torch.arange(count)
    seed = training.seed * 10_007 + training.epoch + 1
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def scores_of(model: Model, images: Images) -> Scores:
    """The network's scores in evaluation mode, (N, 10) or (N, 1) float32."""
    model.eval()
    with torch.inference_mode():
        batches = [model.scores(batch) for batch in images.pictures.split(EVALUATION_BATCH)]  # type: ignore[no-untyped-call]
    return cast("Scores", torch.cat(batches).cpu().numpy())


def probabilities_of(model: Model, scores: Scores) -> Probabilities:
    """What the head makes of scores at its temperature, (N, 10) float64."""
    head = copy.deepcopy(model.head).cpu().double()
    with torch.inference_mode():
        return cast("Probabilities", head(torch.from_numpy(scores).double()).numpy())


def labels_of(images: Images) -> Labels:
    """The labels as an array, (N,) int64."""
    return cast("Labels", images.labels.cpu().numpy().astype(np.int64))
