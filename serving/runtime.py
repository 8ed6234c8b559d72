"""A loaded model: a batch of pictures in, rows of numbers out. The only import of onnxruntime."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from serving.card import CLASSES

Pictures = npt.NDArray[np.uint8]
"""(N, 28, 28), 0 is paper and 255 is ink."""
Rows = npt.NDArray[np.float32]
"""(N, 11), one row per picture: ten probabilities that sum to 1, then the evidence for a digit, any number, higher is surer.

The evidence is +inf where the model has none: it then takes everything for a digit.
"""
Output = npt.NDArray[np.float32]
"""One output of a model, (N, …)."""
Outputs = tuple[Output, ...]
"""All outputs of a model, in the order of OUTPUTS: two, or three of a model that has evidence."""

INPUT, PROBABILITIES, SCORES, EVIDENCE = "images", "probabilities", "scores", "evidence"
OUTPUTS = (PROBABILITIES, SCORES, EVIDENCE)
WIDTH = CLASSES + 1
"""How many numbers a row has."""
FLOAT = "tensor(float)"
PROMISED = [
    [(PROBABILITIES, FLOAT, [CLASSES]), (SCORES, FLOAT, [scores]), (EVIDENCE, FLOAT, [])][:count]
    for scores in (CLASSES, 1)
    for count in (2, 3)
]
"""What outputs a model may have: each one's name, type, and axes after the batch."""
VERSION = f"onnxruntime {onnxruntime.__version__}"


class ModelUnusable(Exception):
    """A model file cannot be run here; the message names the file."""


class Session:
    """An ONNX file held open for inference on the CPU, with one thread unless told otherwise.

    One thread and no spinning: on a shared machine a second thread mostly waits for its partner, and throughput comes
    from several processes. Calls may come from several threads at once.
    """

    has_evidence: bool
    """Whether the model tells digits from other things."""

    def __init__(self, path: Path, threads: int = 1, *, content: bytes | None = None) -> None:
        """Load a file; content is what it holds, where that has been read already.

        Raises ModelUnusable where onnxruntime cannot, or where its signature is not ours.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = str(path) if content is None else content
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class below Exception
            raise ModelUnusable(f"{path} cannot be loaded by onnxruntime") from error
        inputs = [_signature(value) for value in self._session.get_inputs()]
        outputs = [_signature(value) for value in self._session.get_outputs()]
        if inputs != [(INPUT, "tensor(uint8)", [28, 28])] or outputs not in PROMISED:
            raise ModelUnusable(f"{path} is not a model of this project: it takes {inputs} and gives {outputs}")
        self.has_evidence = len(outputs) == len(OUTPUTS)
        self._names = list(OUTPUTS[: len(outputs)])

    def rows(self, pictures: Pictures) -> Rows:
        """pictures: (N, 28, 28) uint8, N >= 1. Returns what answers are made of, (N, 11); the scores are not computed."""
        asked = [PROBABILITIES, EVIDENCE] if self.has_evidence else [PROBABILITIES]
        probabilities, *evidence = self._session.run(asked, {INPUT: pictures})
        rows = np.empty((len(pictures), WIDTH), np.float32)
        rows[:, :CLASSES] = probabilities
        rows[:, CLASSES] = evidence[0] if evidence else math.inf
        return rows

    def probabilities(self, pictures: Pictures) -> Output:
        """pictures: (N, 28, 28) uint8, N >= 1. Returns (N, 10), rows sum to 1; nothing else is computed."""
        (probabilities,) = self._session.run([PROBABILITIES], {INPUT: pictures})
        return np.asarray(probabilities, dtype=np.float32)

    def outputs(self, pictures: Pictures) -> Outputs:
        """All outputs, for who compares them: (probabilities, scores), or (probabilities, scores, evidence)."""
        return tuple(np.asarray(values, dtype=np.float32) for values in self._session.run(self._names, {INPUT: pictures}))


def _signature(value: onnxruntime.NodeArg) -> tuple[str, str, list[int | str]]:
    return value.name, value.type, value.shape[1:]
