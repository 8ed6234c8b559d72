"""A loaded model: a batch of pictures in, probabilities out. The only import of onnxruntime."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

Pictures = npt.NDArray[np.uint8]
"""(N, 28, 28), 0 is paper and 255 is ink."""
Rows = npt.NDArray[np.float32]
"""(N, 10), one row per picture."""

INPUT, PROBABILITIES, SCORES = "images", "probabilities", "scores"
VERSION = f"onnxruntime {onnxruntime.__version__}"


class ModelUnusable(Exception):
    """A model file cannot be run here; the message names the file."""


class Session:
    """An ONNX file held open for inference on the CPU, with one thread unless told otherwise.

    One thread and no spinning: on a shared machine a second thread mostly waits for its partner, and throughput comes
    from several processes. Calls may come from several threads at once.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a file. Raises ModelUnusable where onnxruntime cannot, or where its signature is not ours."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class below Exception
            raise ModelUnusable(f"{path} cannot be loaded by onnxruntime") from error
        inputs = [(value.name, value.type, value.shape[1:]) for value in self._session.get_inputs()]
        outputs = [value.name for value in self._session.get_outputs()]
        if inputs != [(INPUT, "tensor(uint8)", [28, 28])] or outputs[:2] != [PROBABILITIES, SCORES]:
            raise ModelUnusable(f"{path} is not a model of this project: it takes {inputs} and gives {outputs}")

    def probabilities(self, pictures: Pictures) -> Rows:
        """pictures: (N, 28, 28) uint8, N >= 1. Returns (N, 10), rows sum to 1; nothing else is computed."""
        (rows,) = self._session.run([PROBABILITIES], {INPUT: pictures})
        return np.asarray(rows, dtype=np.float32)

    def outputs(self, pictures: Pictures) -> tuple[Rows, Rows]:
        """As `probabilities`, with the network's raw scores: (probabilities, scores)."""
        probabilities, scores = self._session.run([PROBABILITIES, SCORES], {INPUT: pictures})
        return np.asarray(probabilities, dtype=np.float32), np.asarray(scores, dtype=np.float32)
