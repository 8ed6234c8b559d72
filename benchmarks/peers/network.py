"""What every peer does with a picture: Pillow opens it, makes it grey and 28x28, and ONNX Runtime runs the network.

Imported by the peers' servers, each in its own environment, and by the check of what they answer.
"""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

SIDE = 28
Picture = npt.NDArray[np.uint8]
"""(28, 28)."""


def resized(content: bytes) -> Picture:
    """A file's picture, fitted as a whole: no ink is looked for, and what is light stays light."""
    image = Image.open(io.BytesIO(content))
    grey = image if image.mode == "L" else image.convert("L")
    return np.asarray(grey if grey.size == (SIDE, SIDE) else grey.resize((SIDE, SIDE)))


class Network:
    """A model.onnx with one thread, without spinning, asked for the probabilities alone."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.probabilities([np.zeros((SIDE, SIDE), np.uint8)] * 64)  # the first call is slow

    def probabilities(self, pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
        """(N, 10), N >= 1."""
        (rows,) = self._session.run(["probabilities"], {"images": np.stack(pictures)})
        return rows
