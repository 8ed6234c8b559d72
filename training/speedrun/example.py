"""PyTorch's own MNIST example, timed beside the entry: its recipe, carried out as the example does.

The recipe is that of pytorch/examples on GitHub, mnist/main.py: batches of 64 from a DataLoader over torchvision's data set,
Adadelta (Zeiler 2012) at a rate of 1, times 0.7 after each of 14 epochs, negative log-likelihood. On an accelerator the
batches come shuffled and pinned from a second process, on a processor in order. Ours: the 55,000 images that the entry has
too, and no test after each epoch; both make it faster.
"""

import statistics
from dataclasses import dataclass

import torch
import torchvision
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Subset
from torchvision import transforms

from training import data, device
from training.model import Model
from training.networks.example import ExampleNet
from training.speedrun import race

EPOCHS = 14
BATCH = 64
MEAN, STD = 0.1307, 0.3081


@dataclass(frozen=True, slots=True)
class Beside:
    """The example beside the entry: the seconds of its epochs, and of a whole training its share right on the test split."""

    epochs: tuple[float, ...]
    accuracy: float | None

    @property
    def is_whole(self) -> bool:
        """Whether all of its epochs were trained."""
        return len(self.epochs) == EPOCHS

    @property
    def seconds(self) -> float:
        """Of the whole training: measured, or the epochs that were trained scaled to all of them."""
        return statistics.fmean(self.epochs) * EPOCHS


class Example:
    """A training of the example, an epoch at a time, so that the entry's seeds can run between them.

    images: how many, the first of the training split.
    """

    def __init__(self, images: int, wanted: device.Wanted, threads: int) -> None:
        self._device = race.prepare(threads, wanted)
        torch.set_flush_denormal(False)  # nothing that the example does not do
        torch.manual_seed(0)
        self._model = Model(ExampleNet(), MEAN, STD).to(self._device)
        self._optimiser = torch.optim.Adadelta(self._model.network.parameters(), lr=1.0)
        self._schedule = StepLR(self._optimiser, step_size=1, gamma=0.7)
        self._batches = self._loader(images)
        self.seconds: list[float] = []
        """Of each epoch until now."""

    def run_epoch(self) -> float:
        """Train one epoch more. Returns its seconds."""
        began = race.now(self._device)
        network = self._model.network.train()
        for pixels, labels in self._batches:
            self._optimiser.zero_grad()
            loss = nn.functional.nll_loss(network(pixels.to(self._device)), labels.to(self._device))
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
        self._schedule.step()
        self.seconds.append(race.now(self._device) - began)
        return self.seconds[-1]

    def result(self) -> Beside:
        """What it measured; the test split is opened only where all of its epochs were trained."""
        whole = len(self.seconds) == EPOCHS
        return Beside(tuple(self.seconds), race.open_test(self._model, self._device).value if whole else None)

    def _loader(self, images: int) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
        source = torchvision.datasets.MNIST(str(data.root()), train=True, download=True, transform=transform)
        on_accelerator = self._device.type != "cpu"
        return DataLoader(
            Subset(source, range(images)),
            batch_size=BATCH,
            shuffle=on_accelerator,
            num_workers=int(on_accelerator),
            persistent_workers=on_accelerator,
            pin_memory=on_accelerator,
        )
