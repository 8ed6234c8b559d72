"""A model.onnx in OpenVINO, where that is installed. The only import of openvino, made where it is asked for.

Several times as fast with whole numbers as ONNX Runtime, no faster with float32 (docs/decisions/0010-lower-precision.md).
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from serving.runtime.contract import INPUT, OUTPUTS, ModelUnusable, Output, Pictures


class OpenVinoProgram:
    """An ONNX file held open for inference on the CPU, with one thread unless told otherwise."""

    device = "cpu"

    def __init__(self, path: Path, content: bytes, threads: int) -> None:
        """content: what the file holds. Raises ModelUnusable where OpenVINO is not installed, or cannot load it."""
        try:
            import openvino
        except ImportError as error:
            raise ModelUnusable(f"{path} needs OpenVINO, which is not installed: pip install 'digits[openvino]'") from error
        self.library = f"openvino {openvino.__version__.partition('-')[0]}"
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # bfloat16 otherwise, on processors that have it
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # it would put the workers of a service on one core
        }
        try:
            core = openvino.Core()
            compiled = core.compile_model(core.read_model(content), "CPU", options)
            names = [output.get_any_name() for output in compiled.outputs]
        except RuntimeError as error:
            raise ModelUnusable(f"{path} cannot be loaded by OpenVINO") from error
        if names not in [list(OUTPUTS[:count]) for count in (2, 3)]:
            raise ModelUnusable(f"{path} is not a model of this project: it gives {', '.join(names)}")
        self.names = names
        self._request, self._free = compiled.create_infer_request(), threading.Lock()

    def run(self, names: list[str], pictures: Pictures) -> Sequence[Output]:
        """The outputs of these names; all of them are computed."""
        with self._free:  # a request is for one caller at a time, and there is one stream to run it
            outputs = self._request.infer({INPUT: pictures})
        return [outputs[name] for name in names]
