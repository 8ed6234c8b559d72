"""The default model as an eager torch network, as somebody has it who has trained it."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from serving.settings import DEFAULT_MODEL
from training.recipes import RECIPES

SIDE = 28
FILE = Path("models") / DEFAULT_MODEL / "model.onnx"


def network() -> nn.Module:
    """The network of FILE: (N, 1, 28, 28) float32 from 0 to 1, to (N, 11).

    Its batch norms were folded into the convolutions; here they stand again, as ones that only add.
    """
    folded = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in onnx.load(FILE).graph.initializer}
    made = RECIPES[DEFAULT_MODEL].network().eval()
    state = made.state_dict()
    for name, value in state.items():
        if (known := folded.get(f"network.{name}")) is not None:
            value.copy_(known)
        elif name.endswith(".running_var"):
            value.fill_(1 - nn.BatchNorm2d(1).eps)
    for name, value in folded.items():
        if name.endswith(".weight_bias"):  # of the convolution before the batch norm
            block, _, _ = name.removeprefix("network.").rpartition(".0.weight_bias")
            state[f"{block}.1.bias"].copy_(value)
    return made
