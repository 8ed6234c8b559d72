"""An inference request's body: what is to be run, and what is to be told of it."""

import reprlib
from typing import Any, NamedTuple, TypeVar

import orjson

from serving.card import CLASSES
from serving.http.openinference.tensors import IMAGES, PIXELS, SIDE, Tensor, bad, pictures_of_bytes, pictures_of_json
from serving.runtime import INPUT, Pictures

T = TypeVar("T", str, int, bool, dict[str, Any])

HEADER = "Inference-Header-Content-Length"
"""The header that says how much of a body is JSON; the rest is tensors as bytes."""

OTHER_BRACKETS = 1_000
"""Lists and objects that a request may have beside a list for each row of its pictures, and one for each picture."""


class Wanted(NamedTuple):
    """An output that is to be told."""

    tensor: Tensor
    binary: bool
    classes: int
    """So many of the highest values as strings, 0 for the tensor itself."""


class Inference(NamedTuple):
    """A request that can be run."""

    id: str | None
    pictures: Pictures
    wanted: list[Wanted]


def inference(body: bytes, header: bytes | None, outputs: tuple[Tensor, ...], most: int) -> Inference:
    """Understand a body. Raises HttpError 400.

    header: the value of Inference-Header-Content-Length. outputs: what the model gives. most: pictures of one request.
    """
    length = len(body) if header is None else _length(header, len(body))
    text = body[:length]
    if text.count(b"[") + text.count(b"{") > (SIDE + 1) * most + OTHER_BRACKETS:  # half a million take 150 ms to read
        raise bad("The request has more lists and objects than any that can be answered.")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad(f"The request is not JSON: it goes wrong at character {error.pos}.") from None
    if not isinstance(document, dict):
        raise bad("The request must be a JSON object.")
    identity = _optional(document, "id", str)
    wanted = _wanted(document, outputs)
    tensor = _input(document)
    count = _count(tensor.get("shape"), most)
    if size := _binary_size(tensor, count, len(body) - length):
        return Inference(identity, pictures_of_bytes(body, len(body) - size, count), wanted)
    may_have_booleans = b"true" in text or b"false" in text
    return Inference(identity, pictures_of_json(tensor["data"], count, may_have_booleans=may_have_booleans), wanted)


def _length(header: bytes, whole: int) -> int:
    # A number of thousands of digits is none that int() would take.
    length = int(header) if header.isdigit() and len(header) < 20 else None
    if length is None or length > whole:
        raise bad(f"{HEADER} must say how many of the body's {whole:,} bytes are JSON.")
    return length


def _optional(holder: dict[str, Any], key: str, kind: type[T]) -> T | None:
    """A field that may be missing, or null. Raises HttpError 400 where it is anything else than its kind."""
    value = holder.get(key)
    if value is not None and type(value) is not kind:
        told = {str: "a string", bool: "true or false", int: "a whole number", dict: "an object"}[kind]
        raise bad(f"{key} must be {told}, not {reprlib.repr(value)}.")
    return value


def _parameters(holder: dict[str, Any]) -> dict[str, Any]:
    """What is not known here is passed over, as the protocol has servers name their own parameters."""
    parameters = _optional(holder, "parameters", dict) or {}
    if "shared_memory_region" in parameters:
        raise bad("Tensors in shared memory are not supported here.")
    return parameters


def _input(document: dict[str, Any]) -> dict[str, Any]:
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise bad(f"inputs must be a list of one object, the tensor {INPUT}.")
    tensor: dict[str, Any] = inputs[0]
    if (name := tensor.get("name")) != INPUT:
        raise bad(f"There is no input {reprlib.repr(name)}. The one input is {INPUT!r}.")
    if (datatype := tensor.get("datatype")) != IMAGES.datatype:
        raise bad(f"The datatype of {INPUT} must be {IMAGES.datatype}, not {reprlib.repr(datatype)}.")
    return tensor


def _count(shape: object, most: int) -> int:
    """How many pictures a shape is of."""
    if isinstance(shape, list) and all(type(size) is int for size in shape):  # 28.0 and True are none
        match shape:
            case [count, *picture] if picture == list(IMAGES.shape[1:]) and 1 <= count <= most:
                return int(count)
    raise bad(f"The shape of {INPUT} must be [N, 28, 28] with N from 1 to {most}, not {reprlib.repr(shape)}.")


def _binary_size(tensor: dict[str, Any], count: int, following: int) -> int:
    """How many bytes behind the JSON are the tensor; 0 where its data stand in the JSON."""
    size = _optional(_parameters(tensor), "binary_data_size", int)
    if (size is None) == (tensor.get("data") is None):
        raise bad(f"The input {INPUT} must have either data or the parameter binary_data_size.")
    expected = 0 if size is None else count * PIXELS
    if size is not None and size != expected:
        raise bad(f"binary_data_size must be {expected:,} for this shape, not {size:,}.")
    if following != expected:
        raise bad(f"{following:,} bytes follow the JSON instead of {expected:,}; {HEADER} says where it ends.")
    return expected


def _wanted(document: dict[str, Any], outputs: tuple[Tensor, ...]) -> list[Wanted]:
    binary = _optional(_parameters(document), "binary_data_output", bool) or False
    asked = document.get("outputs")
    asked = [] if asked is None else asked
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise bad("outputs must be a list of objects.")
    known = {tensor.name: tensor for tensor in outputs}
    wanted: dict[str, Wanted] = {}
    for one in asked:
        name = one.get("name")
        if not isinstance(name, str) or name not in known:
            raise bad(f"There is no output {reprlib.repr(name)}. Outputs: {', '.join(known)}.")
        if name in wanted:
            raise bad(f"The output {name!r} is asked for twice.")
        wanted[name] = _one_wanted(known[name], _parameters(one), binary=binary)
    return list(wanted.values()) or [Wanted(tensor, binary, 0) for tensor in outputs]


def _one_wanted(tensor: Tensor, parameters: dict[str, Any], *, binary: bool) -> Wanted:
    own = _optional(parameters, "binary_data", bool)
    classes = _optional(parameters, "classification", int)
    if classes is not None and tensor.shape != (-1, CLASSES):
        raise bad(f"The output {tensor.name!r} has no classes.")
    if classes is not None and not 1 <= classes <= CLASSES:
        raise bad(f"classification must be a whole number from 1 to {CLASSES}, not {classes}.")
    return Wanted(tensor, binary if own is None else own, classes or 0)
