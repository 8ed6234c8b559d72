"""Names that are given one by one: a list file, or standard input."""

import codecs
import os
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

BLOCK = 1 << 16


def names(file: BinaryIO) -> Iterator[str]:
    """The names of a list, as it comes: ended by NUL where its beginning has one, else by lines; empty ones aside.

    Lines may end as on Windows. A name with a newline in it needs NUL.
    """
    blocks = iter(partial(file.read1 if hasattr(file, "read1") else file.read, BLOCK), b"")
    rest = b""
    for block in blocks:  # a pipe gives what has come: perhaps not even one whole name
        rest += block
        if b"\0" in rest or b"\n" in rest:
            break
    end = b"\0" if b"\0" in rest else b"\n"
    *whole, rest = rest.removeprefix(codecs.BOM_UTF8).split(end)
    yield from _names(whole, end)
    for block in blocks:
        *whole, rest = (rest + block).split(end)
        yield from _names(whole, end)
    yield from _names([rest], end)


def _names(whole: list[bytes], end: bytes) -> Iterator[str]:
    for one in whole:
        if name := one.removesuffix(b"\r") if end == b"\n" else one:
            yield os.fsdecode(name)
