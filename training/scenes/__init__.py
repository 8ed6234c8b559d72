"""Pictures as people upload them: MNIST's digits through each factor of what can be between them and a photo, and others."""

from training.scenes.factors import FACTORS, Factor, render
from training.scenes.nondigits import NONDIGITS

__all__ = ["FACTORS", "NONDIGITS", "Factor", "render"]
