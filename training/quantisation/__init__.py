"""An exported model to one of whole numbers, with a proof of its own."""

from training.quantisation.qdq import NotForInt8
from training.quantisation.twin import HOW, SUFFIX, quantise

__all__ = ["HOW", "SUFFIX", "NotForInt8", "quantise"]
