"""Answer objects back to the outcomes that they tell of: the way back of serving.outcome.answer."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import cv2
import numpy as np

from serving.decision import Verdict
from serving.outcome import Blank, Outcome, Prediction, Rejection
from serving.reading import SIDE, Ink, Reason
from serving.remote.faults import ServiceFault

UNSEEN: Ink = np.zeros((SIDE, SIDE), np.uint8)
"""Where the 28x28 picture was not asked for."""


def outcomes_of(predictions: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """The outcomes of some answer objects, in order. Raises ServiceFault."""
    try:
        return [_outcome(told) for told in predictions]
    except (KeyError, TypeError, ValueError, cv2.error) as error:
        raise ServiceFault("The service answers in a way that is not known here; it may be of another version") from error


def _outcome(told: Mapping[str, Any]) -> Outcome:
    status = told["status"]
    if status == "rejected":
        return Rejection(Reason(told["reason"]))
    picture = _picture(told["seen"]) if "seen" in told else UNSEEN
    if status == "blank":
        return Blank(picture)
    if status not in get_args(Verdict):
        raise ValueError(status)
    return Prediction(status, int(told["digit"]), [float(value) for value in told["probabilities"]], picture)


def _picture(uri: str) -> Ink:
    """uri: a PNG as a data URI. Returns (28, 28) uint8."""
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
