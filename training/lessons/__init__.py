"""LESSONS: the labs' own demonstrations, by hand and checked against torch. The dict is the list."""

from collections.abc import Callable

from training.lessons import (
    activations,
    autograd,
    convolution,
    gradient_descent,
    learning_rate,
    linear_layer,
    overfitting,
    squared_error,
)
from training.lessons.lesson import Lesson

LESSONS: dict[str, Callable[[], Lesson]] = {
    "gradient_descent": gradient_descent.teach,
    "autograd": autograd.teach,
    "linear_layer": linear_layer.teach,
    "convolution": convolution.teach,
    "activations": activations.teach,
    "squared_error": squared_error.teach,
    "learning_rate": learning_rate.teach,
    "overfitting": overfitting.teach,
}
