"""An ONNX graph in float64, by onnx's own evaluator; its convolutions and poolings by torch, which is quicker."""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.helper
import onnx.numpy_helper
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from torch import Tensor
from torch.nn import functional

from serving.runtime import INPUT, Pictures
from training.quantisation.grid import Grid, Grids

Exact = npt.NDArray[np.float64]
AT_ONCE = 100
"""Pictures, some hundred KB of each in memory."""
DOMAIN = "digits"

NodesAfter = Callable[[str], list[onnx.NodeProto]]
"""What stands behind the tensor of a name, and makes of it what `rounded` names."""


class Graph:
    """A graph whose numbers are float64, some of them rounded to grids."""

    def __init__(self, model: onnx.ModelProto, grids: Mapping[str, Grid] | None = None) -> None:
        """model: takes images, (N, 28, 28) uint8. grids: of the tensors to be rounded, constant or computed, by name."""
        exact, grids = copy.deepcopy(model), dict(grids or {})
        graph = exact.graph
        constants = [_constant(one, grids) for one in graph.initializer]
        nodes = list(insert(graph, grids.keys() - {one.name for one in constants}, _rounding))
        del graph.initializer[:], graph.node[:], graph.value_info[:]
        graph.initializer.extend(constants)
        graph.node.extend(map(_in_float64, nodes))
        for output in graph.output:
            output.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
        exact.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
        operators: list[type[OpRun]] = [Conv, MaxPool, AveragePool, _nearest(grids)]
        self._evaluator = ReferenceEvaluator(exact, new_ops=operators)

    def run(self, names: Sequence[str], pictures: Pictures) -> list[Exact]:
        """The tensors of these names, outputs or not, for (N, 28, 28) pictures, N >= 1; what is rounded, before that."""
        parts = [
            self._evaluator.run(list(names), {INPUT: pictures[start : start + AT_ONCE]})
            for start in range(0, len(pictures), AT_ONCE)
        ]
        return [np.concatenate(batches) for batches in zip(*parts, strict=True)]


def rounded(name: str) -> str:
    """What a tensor is called after it was rounded."""
    return f"{name}.rounded"


def insert(graph: onnx.GraphProto, names: Collection[str], nodes_after: NodesAfter) -> Iterator[onnx.NodeProto]:
    """The nodes in order; behind each computed tensor of these names those after it, and others take what it became."""
    for node in graph.node:
        changed = copy.deepcopy(node)
        for place, name in enumerate(node.input):
            if name in names:
                changed.input[place] = rounded(name)
        yield changed
        for name in node.output:
            if name in names:
                yield from nodes_after(name)


def _rounding(name: str) -> list[onnx.NodeProto]:
    return [onnx.helper.make_node("Nearest", [name], [rounded(name)], domain=DOMAIN, tensor=name)]


def _constant(constant: onnx.TensorProto, grids: Grids) -> onnx.TensorProto:
    values = onnx.numpy_helper.to_array(constant)
    if values.dtype != np.float32:
        return constant
    exact = values.astype(np.float64)
    if constant.name in grids:
        exact = grids[constant.name].nearest(exact)
    return onnx.numpy_helper.from_array(exact, constant.name)


def _in_float64(node: onnx.NodeProto) -> onnx.NodeProto:
    for attribute in node.attribute:
        if (node.op_type, attribute.name, attribute.i) == ("Cast", "to", onnx.TensorProto.FLOAT):
            attribute.i = onnx.TensorProto.DOUBLE
    return node


def _nearest(grids: Grids) -> type[OpRun]:
    class Nearest(OpRun):
        op_domain = DOMAIN

        def _run(self, x: Exact, tensor: str) -> tuple[Exact]:
            return (grids[tensor].nearest(x),)

    return Nearest


class Conv(OpRun):
    """Two-dimensional convolution, padding named by numbers."""

    def _run(self, x: Exact, w: Exact, b: Exact | None = None, **of: Any) -> tuple[Exact]:
        bias = None if b is None else torch.tensor(b)
        strides, dilations = of["strides"] or 1, of["dilations"] or 1
        return (functional.conv2d(_padded(x, of), torch.tensor(w), bias, strides, 0, dilations, of["group"]).numpy(),)


class MaxPool(OpRun):
    """Two-dimensional pooling."""

    def _run(self, x: Exact, **of: Any) -> tuple[Exact]:
        return (functional.max_pool2d(_padded(x, of, -np.inf), of["kernel_shape"], of["strides"] or 1).numpy(),)


class AveragePool(OpRun):
    """Two-dimensional pooling; padding counts."""

    def _run(self, x: Exact, **of: Any) -> tuple[Exact]:
        return (functional.avg_pool2d(_padded(x, of), of["kernel_shape"], of["strides"] or 1).numpy(),)


def _padded(x: Exact, of: Mapping[str, Any], value: float = 0.0) -> Tensor:
    assert of.get("auto_pad") in {None, "NOTSET"}
    assert not of.get("ceil_mode")
    top, left, bottom, right = of.get("pads") or (0, 0, 0, 0)
    return functional.pad(torch.tensor(x), (left, right, top, bottom), value=value)
