"""Whether a service answers as the models that are here: golden pictures, broken files, requests that are none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import Any, NamedTuple

from serving.catalogue import Model
from serving.classifier import classify
from serving.outcome import answer
from serving.reading import Limits
from serving.remote.faults import TooMuch
from serving.remote.golden import broken, golden
from serving.remote.patience import patiently
from serving.remote.service import Offers, Service, code

TOLERANCE = 1e-6
"""Of a probability; they are told to 1e-7."""
TOGETHER = 64
"""Files of a request in which the same pictures are asked again."""
AT_ONCE = 8
"""Requests under way at once."""
PATIENCE_S = 20.0
"""How long a service may be busy."""


class Refused(NamedTuple):
    """A request that is refused as a whole, and how docs/service.md says it is."""

    status: int
    code: str
    how: Mapping[str, Any]
    """As httpx takes it."""
    method: str = "POST"
    path: str = "/predict"


def _body(content_type: str, content: bytes) -> dict[str, Any]:
    return {"headers": {"content-type": content_type}, "content": content}


_FILE = {"files": {"file": b"7"}}
REFUSED = {
    "an empty body": Refused(400, "no_picture", _body("image/png", b"")),
    "a form that is cut off": Refused(400, "malformed_multipart", _body("multipart/form-data; boundary=b", b"--b\r\n")),
    "a text": Refused(415, "unsupported_media_type", _body("text/plain", b"7")),
    "an unknown model": Refused(404, "unknown_model", _FILE | {"params": {"model": "no such"}}),
    "an unknown parameter": Refused(400, "bad_parameter", _FILE | {"params": {"modle": "reader"}}),
    "a form without a picture that can be read": Refused(422, "", _FILE),
    "an unknown path": Refused(404, "not_found", {}, "GET", "/no/such"),
    "another method": Refused(405, "method_not_allowed", {}, "GET"),
}


class Difference(NamedTuple):
    """One thing that is not there as it is here."""

    model: str
    """Its name; "" where it is about none."""
    what: str
    here: str
    there: str


Step = Callable[[str], object]
"""Is told what is compared next."""


def differences(service: Service, offers: Offers, models: Mapping[str, Model], step: Step) -> Iterator[Difference]:
    """Everything that is not the same, as it is found. models: those to compare. Raises ServiceFault."""
    step("requests that are refused")
    yield from _of_requests(service)
    has_refused = False
    for name, model in models.items():
        step(name)
        if name not in offers.models:
            yield Difference(name, "the model", model.identity, "not there")
        elif (there := offers.models[name].card.onnx_sha256) != model.card.onnx_sha256:
            yield Difference(name, "sha256 of model.onnx", model.card.onnx_sha256, there)
        else:
            yield from _of_answers(service, name, model, golden() if has_refused else golden() | broken())
            has_refused = True  # what cannot be read never comes to a model


def _of_requests(service: Service) -> Iterator[Difference]:
    for what, one in REFUSED.items():
        response = patiently(partial(service.asked, one.method, one.path, **one.how), PATIENCE_S)
        if (found := (response.status_code, code(response))) != (one.status, one.code):
            yield Difference("", what, _words(one.status, one.code), _words(*found))


def _words(status: int, code_: str) -> str:
    return f"{status} {code_}".rstrip()


def _of_answers(service: Service, name: str, model: Model, files: Mapping[str, bytes]) -> Iterator[Difference]:
    """One model's answers: to each file alone, many requests at once; to the same pictures together; and one by one."""
    outcomes = classify(files.values(), model, Limits())
    here = [answer(outcome, "", 0, model.identity, model.card) for outcome in outcomes]
    with ThreadPoolExecutor(AT_ONCE) as executor:
        alone = list(executor.map(lambda data: _asked(service, data, name), files.values()))
    for what, expected, found in zip(files, here, alone, strict=True):
        yield from _difference(name, what, expected, found, TOLERANCE)
    by_name = dict(zip(files, alone, strict=True))
    for what, found in zip(golden(), [_asked(service, data, name) for data in golden().values()], strict=True):
        yield from _difference(name, f"{what}: among {AT_ONCE} requests, and alone", by_name[what], found, 0)
    pictures = list(islice(cycle(golden()), TOGETHER))
    try:
        together = _told(service, [golden()[what] for what in pictures], name)
    except TooMuch as error:
        yield Difference(name, f"{TOGETHER} pictures in a request", "200", str(error))
        return
    for what, found in zip(pictures, together, strict=True):
        yield from _difference(name, f"{what}: alone, and among {TOGETHER}", by_name[what], found, 0)


def _asked(service: Service, data: bytes, name: str) -> dict[str, Any]:
    """What is answered to one file; a request that is too large is no answer of ours, and so a difference."""
    try:
        (told,) = _told(service, [data], name)
    except TooMuch as error:
        return {"status": str(error)}
    return told


def _told(service: Service, files: Sequence[bytes], name: str) -> list[dict[str, Any]]:
    return patiently(lambda: service.predict(files, name).predictions, PATIENCE_S)


def _difference(name: str, what: str, here: dict[str, Any], there: dict[str, Any], tolerance: float) -> Iterator[Difference]:
    """The first thing in which two answers differ, if any."""
    for key in ("status", "reason", "model", "digit", "name"):
        if here.get(key) != there.get(key):
            yield Difference(name, f"{what}: {key}", str(here.get(key)), str(there.get(key)))
            return
    apart = _apart(here.get("probabilities"), there.get("probabilities"))
    if apart > tolerance:
        yield Difference(name, f"{what}: probabilities", f"within {tolerance:g}", f"{apart:g} away")


def _apart(here: Sequence[float] | None, there: Sequence[float] | None) -> float:
    if not here and not there:
        return 0
    if not here or not there or len(here) != len(there):
        return 1
    return max(round(abs(a - b), 9) for a, b in zip(here, there, strict=True))
