"""A model.ts in TorchScript, where torch is installed. The only import of torch in serving, made where it is asked for.

TorchScript is deprecated by its maintainers, slower than ONNX Runtime, and torch takes gigabytes: it is for those who have
torch anyway and want to see that it says the same.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from serving.runtime.contract import OUTPUTS, ModelUnusable, Output, Pictures


class TorchScriptProgram:
    """A TorchScript file held open for inference on the CPU, with one thread unless told otherwise."""

    device = "cpu"

    def __init__(self, path: Path, content: bytes, threads: int) -> None:
        """content: what the file holds. Raises ModelUnusable where torch is not installed, or cannot load it."""
        try:
            import torch
        except ImportError as error:
            raise ModelUnusable(f"{path} needs torch, which is not installed: pip install 'digits[train]'") from error
        torch.set_num_threads(threads)  # of the whole process: torch has no other
        self._torch, self.library = torch, f"torch {torch.__version__}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch deprecates TorchScript at each use of it
                loaded = torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]
                self._module = torch.jit.optimize_for_inference(loaded)
            outputs = self._outputs(np.zeros((1, 28, 28), np.uint8))
        except RuntimeError as error:
            raise ModelUnusable(f"{path} cannot be loaded by torch") from error
        self.names = list(OUTPUTS[: len(outputs)])

    def run(self, names: list[str], pictures: Pictures) -> Sequence[Output]:
        """The outputs of these names; all of them are computed."""
        outputs = self._outputs(pictures)
        return [outputs[OUTPUTS.index(name)] for name in names]

    def _outputs(self, pictures: Pictures) -> list[Output]:
        with self._torch.inference_mode():
            return [output.numpy() for output in self._module(self._torch.tensor(pictures))]
