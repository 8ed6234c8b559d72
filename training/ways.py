"""Further ways to run a model for `digits benchmark`: eager PyTorch, and TorchScript where no model.ts lies there."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from serving.benchmark.ways import Way, by_torchscript
from serving.card import Card
from serving.runtime import Output, Pictures
from training import fit
from training.export import write_torchscript
from training.model import Model
from training.recipes import RECIPES


def ways_of(folder: Path, card: Card) -> dict[str, Callable[[], Way]]:
    """What makes the ways of one model, by their names; none of a model that has no recipe here."""
    if card.name not in RECIPES:
        return {}
    onnx_file = folder / "model.onnx"
    return {"torchscript": lambda: _scripted(card.name, onnx_file), "eager": lambda: _eager(card.name, onnx_file)}


def _scripted(name: str, onnx_file: Path) -> Way:
    with tempfile.TemporaryDirectory() as scratch:
        write_torchscript(trained(name, onnx_file), Path(scratch) / "model.ts", {})
        return by_torchscript(Path(scratch) / "model.ts")


def _eager(name: str, onnx_file: Path) -> Way:
    model = trained(name, onnx_file)
    torch.set_num_threads(1)

    def run(pictures: Pictures) -> Output:
        with torch.inference_mode():
            return model(torch.tensor(pictures))[0].numpy()  # type: ignore[no-any-return]

    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return Way("eager", f"torch {torch.__version__}", size, run)


def trained(name: str, path: Path) -> Model:
    """A recipe's function with the weights of its exported file, which keeps their names.

    Batch norm is folded there into the layer before it, so it becomes the identity here, or adds the folded bias; it takes
    the time that it takes.
    """
    weights = {
        one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in onnx.load(path).graph.initializer
    }
    model = fit.build(RECIPES[name]).eval()
    for place, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            _make_identity(layer, weights.get(f"{_before(place)}.weight_bias"))
    known = model.state_dict()
    model.load_state_dict({key: weights.get(key, value) for key, value in known.items()})
    return model


def _before(place: str) -> str:
    """The name of the layer before a layer of a sequence: "network.3.1" comes after "network.3.0"."""
    parent, _, number = place.rpartition(".")
    return f"{parent}.{int(number) - 1}"


def _make_identity(layer: nn.BatchNorm2d, bias: Tensor | None) -> None:
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.copy_(torch.zeros_like(layer.bias) if bias is None else bias)
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean.fill_(0)
        layer.running_var.fill_(1 - layer.eps)
