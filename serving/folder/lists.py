"""Names that are given one by one: a list file, or standard input."""

import os
from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 1 << 16


def names(file: BinaryIO) -> Iterator[str]:
    """The names of a list, as it comes, ended by NUL where its first block has one, else by lines; empty ones aside."""
    first = file.read1(BLOCK) if hasattr(file, "read1") else file.read(BLOCK)
    end = b"\0" if b"\0" in first else b"\n"
    rest = b""
    block = first
    while block:
        *whole, rest = (rest + block).split(end)
        yield from (_name(one, end) for one in whole if one.strip(b"\r"))
        block = file.read1(BLOCK) if hasattr(file, "read1") else file.read(BLOCK)
    if rest.strip(b"\r"):
        yield _name(rest, end)


def _name(raw: bytes, end: bytes) -> str:
    return os.fsdecode(raw.removesuffix(b"\r") if end == b"\n" else raw)
