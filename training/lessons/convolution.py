"""Convolution and max-pooling by hand, in loops, equal to torch."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from training import data
from training.lessons.lesson import Lesson

Picture = npt.NDArray[np.float32]

EXAMPLE = np.arange(16, dtype=np.float32).reshape(4, 4)
KERNEL = np.array([[1, 2], [3, 4]], np.float32)
LARGE_KERNEL = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, -1, -1], [0, 0, -1, -1]], np.float32)


def convolve(picture: Picture, kernel: Picture, stride: int = 1) -> Picture:
    """What torch calls a convolution: the kernel, not mirrored, laid on each place and multiplied with what it covers.

    picture: (H, W), kernel: (K, L). Returns ((H - K) // stride + 1, (W - L) // stride + 1).
    """
    return _slide(picture, kernel.shape, stride, lambda window: float((window * kernel).sum()))


def max_pool(picture: Picture, size: int, stride: int | None = None) -> Picture:
    """The largest value under each window of size x size; the stride is the size unless it is given."""
    return _slide(picture, (size, size), stride or size, lambda window: float(window.max()))


def _slide(picture: Picture, size: tuple[int, ...], stride: int, value: Callable[[Picture], float]) -> Picture:
    height, width = ((have - want) // stride + 1 for have, want in zip(picture.shape, size, strict=True))
    out = np.empty((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            out[row, column] = value(picture[top : top + size[0], left : left + size[1]])
    return out


def by_torch(picture: Picture, kernel: Picture, stride: int = 1) -> Picture:
    """The same convolution by torch."""
    out = torch.nn.functional.conv2d(_batch(picture), _batch(kernel), stride=stride)
    return np.asarray(out[0, 0].numpy())


def pool_by_torch(picture: Picture, size: int, stride: int | None = None) -> Picture:
    """The same pooling by torch."""
    return np.asarray(torch.nn.functional.max_pool2d(_batch(picture), size, stride)[0, 0].numpy())


def _batch(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture)[None, None]


def teach() -> Lesson:
    """The lab's 2x2, and its open problem: 4x4 with a stride, and 4x4 max-pooling."""
    digit = data.load("MNIST", "train").pictures[0].numpy().astype(np.float32)
    edges, strided, pooled = convolve(digit, LARGE_KERNEL), convolve(digit, LARGE_KERNEL, 4), max_pool(digit, 4)
    told = [
        f"2x2 kernel on 0 … 15 in 4x4: {convolve(EXAMPLE, KERNEL).astype(int).tolist()}",
        f"                   by torch: {by_torch(EXAMPLE, KERNEL).astype(int).tolist()}",
        _compared("4x4 kernel, stride 1", edges, by_torch(digit, LARGE_KERNEL)),
        _compared("4x4 kernel, stride 4", strided, by_torch(digit, LARGE_KERNEL, 4)),
        _compared("4x4 kernel, stride 3", convolve(digit, LARGE_KERNEL, 3), by_torch(digit, LARGE_KERNEL, 3)),
        _compared("4x4 max-pooling", pooled, pool_by_torch(digit, 4)),
    ]
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    shown = {"a digit": digit, "4x4 kernel": edges, "4x4 kernel, stride 4": strided, "4x4 max-pooling": pooled}
    for place, (title, values) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(1, 4, place, title=title, xticks=[], yticks=[])
        axes.imshow(values, cmap="gray")
    return Lesson("convolution and pooling by hand", told, {"digit": figure})


def _compared(what: str, hand: Picture, machine: Picture) -> str:
    same = "equal to" if np.array_equal(hand, machine) else "NOT equal to"
    return f"{what}: {'x'.join(map(str, hand.shape))} values, {same} torch's"
