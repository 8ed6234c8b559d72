"""A loaded model: a batch of pictures in, rows of numbers out, whichever library runs it."""

import math
from pathlib import Path
from typing import Literal

import numpy as np

from serving.card import CLASSES
from serving.runtime.contract import (
    EVIDENCE,
    PROBABILITIES,
    WIDTH,
    ModelUnusable,
    Output,
    Outputs,
    Pictures,
    Program,
    Rows,
)
from serving.runtime.onnx import OnnxProgram
from serving.runtime.openvino import OpenVinoProgram
from serving.runtime.torchscript import TorchScriptProgram

TORCHSCRIPT = ".ts"

Library = Literal["onnxruntime", "openvino"]


class Session:
    """A model file held open for inference: on the CPU, with one thread, unless told otherwise.

    Calls may come from several threads at once.
    """

    has_evidence: bool
    """Whether the model tells digits from other things."""
    library: str
    """What runs it, with the version: "onnxruntime 1.31.1"."""
    device: str
    """Where it runs, as the library says: cpu, cuda."""

    def __init__(
        self,
        path: Path,
        threads: int = 1,
        *,
        content: bytes | None = None,
        device: Literal["cpu", "cuda"] = "cpu",
        library: Library = "onnxruntime",
        fused: bool = True,
    ) -> None:
        """Load a file: TorchScript where its name ends in .ts, else ONNX.

        content: what it holds, where that has been read already. library: what runs an ONNX file. fused: False has ONNX
        Runtime take the file's operators one by one, so that whole numbers are multiplied as float32. Raises ModelUnusable
        where the library cannot load it, where its signature is not ours, and where the device is not to be had.
        """
        if path.suffix != TORCHSCRIPT and library == "onnxruntime":
            program: Program = OnnxProgram(path, _content(path, content), threads, device, fused=fused)
        elif device == "cpu":
            runs = TorchScriptProgram if path.suffix == TORCHSCRIPT else OpenVinoProgram
            program = runs(path, _content(path, content), threads)
        else:
            raise ModelUnusable(f"{path} is run on the CPU alone by what is asked for, not by CUDA")
        self._program = program
        self.library, self.device = program.library, program.device
        self.has_evidence = EVIDENCE in program.names
        self._asked = [PROBABILITIES, EVIDENCE] if self.has_evidence else [PROBABILITIES]

    def rows(self, pictures: Pictures) -> Rows:
        """pictures: (N, 28, 28) uint8, N >= 1. Returns what answers are made of, (N, 11); the scores are not asked for."""
        probabilities, *evidence = self._program.run(self._asked, pictures)
        rows = np.empty((len(pictures), WIDTH), np.float32)
        rows[:, :CLASSES] = probabilities
        rows[:, CLASSES] = evidence[0] if evidence else math.inf
        return rows

    def probabilities(self, pictures: Pictures) -> Output:
        """pictures: (N, 28, 28) uint8, N >= 1. Returns (N, 10), rows sum to 1; nothing else is asked for."""
        (probabilities,) = self._program.run([PROBABILITIES], pictures)
        return probabilities

    def outputs(self, pictures: Pictures) -> Outputs:
        """All outputs, for who compares them: (probabilities, scores), or (probabilities, scores, evidence)."""
        return tuple(self._program.run(self._program.names, pictures))


def _content(path: Path, content: bytes | None) -> bytes:
    try:
        return path.read_bytes() if content is None else content
    except OSError as error:
        raise ModelUnusable(f"{path}: {error.strerror}") from error
