"""Real data, and a small network with batch norm and dropout, on which export bugs can happen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from serving.runtime import Pictures
from training import data, export, prove
from training.commands import app
from training.model import Model, Rejecting


class SmallNetwork(nn.Module):
    """What the labs' networks are made of, in little: convolution, batch norm, pooling, dropout, linear layers."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 6, 5, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(6 * 6 * 6, outputs)

    def features(self, pixels: Tensor) -> Tensor:
        return self.pool(torch.relu(self.norm(self.convolution(pixels)))).flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.linear(self.dropout(self.features(pixels)))


@pytest.fixture(scope="session")
def test_split() -> data.Images:
    return data.load("MNIST", "test")


@pytest.fixture(scope="session")
def pictures(test_split: data.Images) -> Pictures:
    return test_split.pictures[:500].numpy()


@pytest.fixture(scope="session")
def trained() -> dict[str, Any]:
    """The small network's weights after two hundred steps on real digits."""
    torch.manual_seed(0)
    images = data.load("MNIST", "train")
    model = Model(SmallNetwork(), mean=0.1307, std=0.3081).train()
    train(model, images.pictures[:12_800], images.labels[:12_800])
    return model.state_dict()


def train(model: Model, pictures: Tensor, labels: Tensor) -> None:
    """One epoch in batches of 64."""
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for some, their_labels in zip(pictures.split(64), labels.split(64), strict=True):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model.scores(some), their_labels).backward()
        optimiser.step()


@pytest.fixture
def small(trained: dict[str, Any]) -> Model:
    """The small network, trained; each test may spoil its own."""
    model = Model(SmallNetwork(), mean=0.1307, std=0.3081)
    model.load_state_dict(trained)
    return model.eval()


@pytest.fixture(scope="session")
def reference(trained: dict[str, Any], pictures: Pictures) -> prove.Reference:
    model = Model(SmallNetwork(), mean=0.1307, std=0.3081)
    model.load_state_dict(trained)
    return prove.evaluate_reference(model.eval(), pictures)


@pytest.fixture(scope="session")
def exported(trained: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network's model.onnx."""
    model, path = Model(SmallNetwork(), mean=0.1307, std=0.3081), tmp_path_factory.mktemp("small") / "model.onnx"
    model.load_state_dict(trained)
    export.write_onnx(model.eval(), path, {})
    return path


@pytest.fixture(scope="session")
def taught_to_reject() -> dict[str, Any]:
    """The small network's weights with an eleventh number, after digits and as many pictures of two digits on each other."""
    torch.manual_seed(0)
    images = data.load("MNIST", "train")[slice(6_400)]
    heaps = torch.maximum(images.pictures, images.pictures.roll(1, 0).flip(1))
    pictures, labels = torch.cat([images.pictures, heaps]), torch.cat([images.labels, torch.full_like(images.labels, 10)])
    order = torch.randperm(len(pictures))
    model = Model(SmallNetwork(11), mean=0.1307, std=0.3081, head=Rejecting).train()
    train(model, pictures[order], labels[order])
    return model.state_dict()


@pytest.fixture
def rejecting(taught_to_reject: dict[str, Any]) -> Model:
    """The small network with evidence, trained, its temperature not 1; each test may spoil its own."""
    model = Model(SmallNetwork(11), mean=0.1307, std=0.3081, head=Rejecting)
    model.load_state_dict(taught_to_reject)
    model.head.temperature.fill_(1.25)
    return model.eval()


@pytest.fixture(scope="session")
def rejecting_reference(taught_to_reject: dict[str, Any], pictures: Pictures) -> prove.Reference:
    model = Model(SmallNetwork(11), mean=0.1307, std=0.3081, head=Rejecting)
    model.load_state_dict(taught_to_reject)
    model.head.temperature.fill_(1.25)
    return prove.evaluate_reference(model.eval(), pictures)


@dataclass(frozen=True)
class Fresh:
    """What one epoch of the convnet left behind."""

    runs: Path
    models: Path
    checkpoint: Path
    told: str


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """A convnet trained for one epoch and exported, as a user would."""
    folder = tmp_path_factory.mktemp("fresh")
    trained = CliRunner().invoke(app, ["run", "convnet", "--epochs", "1", "--runs", str(folder / "runs")])
    assert trained.exit_code == 0, trained.output
    arguments = ["export", "convnet", "--runs", str(folder / "runs"), "--models", str(folder / "models")]
    exported = CliRunner().invoke(app, arguments)
    assert exported.exit_code == 0, exported.output
    checkpoint = folder / "runs" / "convnet" / "seed-0" / "checkpoint.pt"
    return Fresh(folder / "runs", folder / "models", checkpoint, trained.output)
