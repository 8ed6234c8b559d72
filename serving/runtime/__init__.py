"""Models held open for inference. ONNX Runtime is imported in `onnx` alone, torch in `torchscript` alone, and then late."""

from serving.runtime.choose import open_session
from serving.runtime.contract import (
    EVIDENCE,
    INPUT,
    OUTPUTS,
    PROBABILITIES,
    SCORES,
    WIDTH,
    ModelUnusable,
    Output,
    Outputs,
    Pictures,
    Rows,
)
from serving.runtime.onnx import VERSION
from serving.runtime.session import Session

__all__ = [
    "EVIDENCE",
    "INPUT",
    "OUTPUTS",
    "PROBABILITIES",
    "SCORES",
    "VERSION",
    "WIDTH",
    "ModelUnusable",
    "Output",
    "Outputs",
    "Pictures",
    "Rows",
    "Session",
    "open_session",
]
