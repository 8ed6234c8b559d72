"""Tensors as the protocol tells them: a name, a datatype, a shape, and data as JSON or as bytes."""

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from serving.http.errors import HttpError
from serving.runtime import INPUT, OUTPUTS, Output, Pictures, Session

SIDE = 28
PIXELS = SIDE * SIDE


class Tensor(NamedTuple):
    """What a model's metadata says of an input or output."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 stands for how many pictures there are."""


IMAGES = Tensor(INPUT, "UINT8", (-1, SIDE, SIDE))


def outputs_of(session: Session) -> tuple[Tensor, ...]:
    """What a model gives, in its own order, as one run of it shows."""
    answers = session.outputs(np.zeros((1, SIDE, SIDE), np.uint8))
    return tuple(Tensor(name, "FP32", (-1, *values.shape[1:])) for name, values in zip(OUTPUTS, answers, strict=False))


def bad(message: str) -> HttpError:
    """A request that does not follow the protocol, or asks for what a model does not have."""
    return HttpError(400, "bad_inference_request", message)


def pictures_of_bytes(data: bytes, start: int, count: int) -> Pictures:
    """Pictures that begin at a byte: (count, 28, 28) uint8. Not copied."""
    return np.frombuffer(data, np.uint8, count * PIXELS, start).reshape(count, SIDE, SIDE)


def pictures_of_json(data: object, count: int, *, may_have_booleans: bool) -> Pictures:
    """JSON's numbers, nested as [count][28][28] or flat, as (count, 28, 28) uint8. Raises HttpError 400.

    may_have_booleans: False where the text shows that there are none, which saves a look at each number: Python takes
    True for 1.
    """
    rows = _rows(data, count)
    if may_have_booleans and not set(map(type, chain.from_iterable(rows))) <= {int}:
        raise _not_pixels()
    try:
        return pictures_of_bytes(b"".join(map(bytes, rows)), 0, count)  # bytes() takes whole numbers from 0 to 255 alone
    except (TypeError, ValueError):
        raise _not_pixels() from None


def _rows(data: object, count: int) -> list[list[Any]]:
    """Lists of whatever there is where the numbers should be, PIXELS * count altogether."""
    if isinstance(data, list):
        if len(data) == count * PIXELS and not isinstance(data[0], list):
            return [data]
        if _are_lists(data, count) and _are_lists(rows := list(chain.from_iterable(data)), count * SIDE):
            return rows
    raise bad(
        f"The data of {INPUT} must be {count * PIXELS:,} numbers for this shape, in one list or nested as [{count}, 28, 28]."
    )


def _are_lists(values: list[Any], count: int) -> bool:
    """Whether there are so many lists, each as long as a picture is high and wide."""
    return len(values) == count and set(map(type, values)) == {list} and set(map(len, values)) == {SIDE}


def _not_pixels() -> HttpError:
    return bad(f"The data of {INPUT} must be whole numbers from 0 (paper) to 255 (ink).")


def classified(values: Output, count: int, names: Sequence[str]) -> list[str]:
    """The highest values of each row, highest first, as "value:index:name". values: (N, len(names)). Returns N * count."""
    highest = np.argsort(-values, axis=1, kind="stable")[:, :count]
    pairs = zip(values, highest, strict=True)
    return [f"{row[place]!s}:{place}:{names[place]}" for row, places in pairs for place in places]


def bytes_of(texts: Sequence[str]) -> bytes:
    """A BYTES tensor: each element's length in four bytes, little end first, and its UTF-8."""
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)
