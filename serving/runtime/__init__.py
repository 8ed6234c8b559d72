"""Models held open for inference. Each library is imported in one module; all but ONNX Runtime late, if they are there."""

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
