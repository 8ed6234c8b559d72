import numpy as np
import pytest

from serving.evaluation.figures import Accuracy, calibration_error
from training.evaluate import accuracy, fit_temperature, softmax


def test_the_wilson_interval_is_the_textbooks() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = Accuracy(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_the_wilson_interval_stays_within_0_and_1() -> None:
    assert Accuracy(0, 10).interval[0] == pytest.approx(0, abs=1e-12)
    assert Accuracy(10, 10).interval[1] == pytest.approx(1, abs=1e-12)


def test_accuracy_counts_the_largest_score() -> None:
    assert accuracy(np.eye(10), np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 8])) == Accuracy(8, 10)


def calibrated(count: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose softmax at a temperature is exactly how often each label comes."""
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 4, (count, 10))
    probabilities = softmax(scores, temperature)
    labels = np.array([generator.choice(10, p=row) for row in probabilities])
    return scores, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    assert fit_temperature(*calibrated(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


def test_a_data_set_without_errors_gets_the_end_of_the_range() -> None:
    assert fit_temperature(np.eye(10), np.arange(10)) == pytest.approx(1 / 20, rel=0.01)


def test_the_calibration_error_of_a_calibrated_model_is_small_and_of_a_boaster_is_its_boast() -> None:
    scores, labels = calibrated(20_000, 1.0)
    assert calibration_error(softmax(scores), labels) < 0.01
    certain = np.eye(10)[np.zeros(100, int)]
    assert calibration_error(certain, np.array([0] * 60 + [1] * 40)) == pytest.approx(0.4)
