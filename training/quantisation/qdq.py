"""A float32 graph to one of int8: what is rounded, to which grids, and the same written with ONNX's Q and DQ operators.

Rounded are the picture as the first layers take it, the weights and biases of layers, and what a layer gives, after its
ReLU, to further ones. A layer is a convolution or a linear map. It stays in float32 where it takes anything else, as behind
an average: a quotient of sums is not exact in float32, so that machines could round it differently. What comes behind the
last rounded number is ordinary float32.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnx.helper
import onnx.numpy_helper

from serving.runtime import INPUT, Pictures
from training.quantisation.exact import Graph, insert, rounded
from training.quantisation.grid import (
    LARGEST,
    LARGEST_BIAS,
    PIXELS,
    TINY,
    WEIGHTS,
    Grid,
    Grids,
    of_biases,
    of_inputs,
    of_weights,
)

LAYERS = {"Conv", "Gemm"}
ACTIVATIONS = {"Relu", "Clip"}
"""What a layer gives is rounded behind them."""
PASSING = {"MaxPool", "Reshape", "Flatten", "Transpose", "Identity"}
"""To round before them is to round behind them."""
PIXELWISE = {"Cast", "Sub", "Div", "Mul", "Unsqueeze", "Reshape"}
"""What may happen to a picture: each pixel has one of 256 values behind it."""


class NotForInt8(Exception):
    """A network cannot be made of whole numbers; the message says why."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that takes rounded numbers."""

    takes: str
    weights: str
    bias: str | None


class Layout:
    """Which tensors of a graph are rounded."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = graph = model.graph
        self._producers = {name: node for node in graph.node for name in node.output}
        self.constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
        self.rounded: list[str] = []
        self.layers: list[Layer] = []
        for node in graph.node:
            if self._is_layer(node):
                self._look_at(node)

    def _look_at(self, node: onnx.NodeProto) -> None:
        taken = self._before(node.input[0], PASSING)
        if taken not in self.rounded and self._before(taken, PIXELWISE) == INPUT:
            self.rounded.append(taken)
        if taken in self.rounded:
            self.layers.append(Layer(taken, *node.input[1:3], *[None] * (3 - len(node.input))))
            given = self._behind(node.output[0])
            if self._leads_to_a_layer(given):
                self.rounded.append(given)

    def _is_layer(self, node: onnx.NodeProto) -> bool:
        turned = {one.name: one.i for one in node.attribute}.get("transB", 0) == 1 or node.op_type == "Conv"
        return node.op_type in LAYERS and turned and all(name in self.constants for name in node.input[1:])

    def _before(self, name: str, operators: set[str]) -> str:
        """The tensor that a tensor was made of by these operators alone."""
        while name in self._producers and self._producers[name].op_type in operators:
            name = self._producers[name].input[0]
        return name

    def _behind(self, name: str) -> str:
        """What becomes of what a layer gives, before it is rounded."""
        while len(takers := self._takers(name)) == 1 and takers[0].op_type in ACTIVATIONS:
            name = takers[0].output[0]
        return name

    def _takers(self, name: str) -> list[onnx.NodeProto]:
        return [node for node in self._graph.node if name in node.input]

    def _leads_to_a_layer(self, name: str) -> bool:
        takers = self._takers(name)
        return any(self._is_layer(node) or any(map(self._leads_to_a_layer, node.output)) for node in takers)


def choose(model: onnx.ModelProto, pictures: Pictures) -> Grids:
    """The grids that lose least on these pictures, (N, 28, 28) uint8. Raises NotForInt8."""
    layout = Layout(model)
    if not layout.layers:
        raise NotForInt8("the network has no layer of constant weights that takes the picture")
    inputs = Graph(model).run(layout.rounded, pictures)
    grids = {name: of_inputs(values) for name, values in zip(layout.rounded, inputs, strict=True)}
    for layer in layout.layers:
        weights, taken = layout.constants[layer.weights].astype(np.float64), grids[layer.takes]
        if layer.bias is None:
            grids[layer.weights] = of_weights(weights)
        else:
            biases = np.abs(layout.constants[layer.bias].astype(np.float64))
            grids[layer.weights] = of_weights(weights, np.maximum(biases / taken.step / LARGEST_BIAS, TINY))
            grids[layer.bias] = of_biases(taken, grids[layer.weights])
        _check_sums(layout, layer, grids)
    return grids


def _check_sums(layout: Layout, layer: Layer, grids: Grids) -> None:
    """Whatever the layer is given, its sums are whole numbers that float32 has. Raises NotForInt8."""
    weights = grids[layer.weights].whole(layout.constants[layer.weights].astype(np.float64))
    largest = np.abs(weights).reshape(len(weights), -1).sum(1) * grids[layer.takes].reach
    if layer.bias is not None:
        largest += np.abs(grids[layer.bias].whole(layout.constants[layer.bias].astype(np.float64)))
    if largest.max() > LARGEST:
        raise NotForInt8(f"the sums of {layer.weights} may reach {largest.max():,}, more than float32 has exactly")


def write(model: onnx.ModelProto, grids: Grids) -> onnx.ModelProto:
    """The graph with its rounded tensors as QuantizeLinear and DequantizeLinear, its weights as int8, biases as int32."""
    written = copy.deepcopy(model)
    graph = written.graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    kept = [one for one in graph.initializer if one.name not in grids]
    whole = [one for name, grid in grids.items() for one in _constants(name, grid, constants)]
    of_constants = [_dequantise(name, name) for name in grids if name in constants]
    _name_averages(graph)
    nodes = list(insert(graph, set(grids), _round_trip))
    del graph.initializer[:], graph.node[:], graph.value_info[:]
    graph.initializer.extend([*kept, *whole])
    graph.node.extend([*of_constants, *nodes])
    return written


def _name_averages(graph: onnx.GraphProto) -> None:
    """Call the average of a whole picture so. As a pool of some size OpenVINO rounds it to whole numbers, which is wrong."""
    sizes = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim[2:]] for value in graph.value_info}
    for node in graph.node:
        attributes = {one.name: list(one.ints) for one in node.attribute}
        whole = attributes.get("kernel_shape") == sizes.get(node.input[0]) and not any(attributes.get("pads", []))
        if node.op_type == "AveragePool" and whole:
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]


def _round_trip(name: str) -> list[onnx.NodeProto]:
    quantised = f"{name}.whole"
    quantise = onnx.helper.make_node("QuantizeLinear", [name, *_of(name)], [quantised])
    return [quantise, _dequantise(name, quantised)]


def _dequantise(name: str, whole: str) -> onnx.NodeProto:
    return onnx.helper.make_node("DequantizeLinear", [whole, *_of(name)], [rounded(name)], axis=0)


def _of(name: str) -> list[str]:
    return [f"{name}.step", f"{name}.zero"]


def _constants(name: str, grid: Grid, constants: Mapping[str, npt.NDArray[np.float32]]) -> Iterator[onnx.TensorProto]:
    """A grid's step and zero, and the whole numbers of what is constant."""
    kind = {PIXELS: np.uint8, WEIGHTS: np.int8}.get((grid.lowest, grid.highest), np.int32)
    step, zero = _of(name)
    yield onnx.numpy_helper.from_array(grid.step.astype(np.float32), step)
    yield onnx.numpy_helper.from_array(np.full(grid.step.shape, grid.zero, kind), zero)
    if name in constants:
        yield onnx.numpy_helper.from_array(grid.whole(constants[name].astype(np.float64)).astype(kind), name)
