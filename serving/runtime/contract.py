"""What a loaded model takes and gives, whichever library runs it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

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


class ModelUnusable(Exception):
    """A model file cannot be run here; the message names the file."""


class Program(Protocol):
    """A model file that a library has loaded. It may be run from several threads at once."""

    names: list[str]
    """Its outputs: the first two of OUTPUTS, or all three."""
    library: str
    """What runs it, with the version."""
    device: str
    """Where it runs: cpu, cuda."""

    def run(self, names: list[str], pictures: Pictures) -> Sequence[Output]:
        """The outputs of these names, for (N, 28, 28) pictures, N >= 1."""
