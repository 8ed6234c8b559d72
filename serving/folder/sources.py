"""What there is to predict: paths, globs, archives, lists and URLs to items, in a stable order."""

import glob
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from serving.folder import archives, lists, urls
from serving.folder.chosen import ALL, Chosen
from serving.folder.items import Item, fetch, source_of
from serving.folder.walk import walk
from serving.outcome import Rejection
from serving.reading import Limits

STANDARD_INPUT = "-"


class SourceUnusable(Exception):
    """A path that was named does not exist, or is the output."""


class Sources:
    """What was named: where items come from, again and again where that can be."""

    def __init__(
        self,
        named: Sequence[str],
        *,
        list_file: Path | None = None,
        chosen: Chosen = ALL,
        outputs: Collection[Path] = (),
        limits: Limits,
    ) -> None:
        """named: files, folders, patterns, archives, URLs, "-" for a list on standard input. list_file: of more such names.

        outputs: files that may lie among the inputs and are none. Raises SourceUnusable where one of them does not exist.
        """
        self._chosen, self._limits = chosen, limits
        self._own = {path.name: path.resolve() for path in outputs}
        self._named = [one for name in named for one in self._expanded(str(name))]
        self._list_file = list_file
        if list_file is not None and not list_file.is_file():
            raise SourceUnusable(f"{list_file} does not exist")

    @property
    def can_repeat(self) -> bool:
        """Whether they can be gone through twice; standard input cannot."""
        return STANDARD_INPUT not in self._named

    def __iter__(self) -> Iterator[Item]:
        """Every item, in a stable order, however many there are. Raises urls.UrlUnusable."""
        for name in self._named:
            if name == STANDARD_INPUT:
                yield from self._all_of(lists.names(sys.stdin.buffer))
            else:
                yield from self._below(name)
        if self._list_file is not None:
            with open(self._list_file, "rb") as file:
                yield from self._all_of(lists.names(file))

    def _expanded(self, name: str) -> list[str]:
        """A pattern of the shell becomes what it matches; whatever exists is itself."""
        if name == STANDARD_INPUT or urls.is_url(name):
            return [name]
        if os.path.lexists(name):
            if self._is_output(name):
                raise SourceUnusable(f"{name} is an input and the output")
            return [str(Path(name))]
        if not glob.has_magic(name):
            raise SourceUnusable(f"{name} does not exist")
        found = sorted(glob.iglob(name, recursive=True))
        if not found:
            raise SourceUnusable(f"{name} matches nothing")
        return [one for one in found if not self._is_output(one)]

    def _all_of(self, given: Iterator[str]) -> Iterator[Item]:
        for name in given:
            yield from self._below(name)

    def _below(self, name: str) -> Iterator[Item]:
        if urls.is_url(name):
            yield from urls.listed(name, self._chosen)
        elif os.path.isdir(name):
            yield from (path for path in walk(name, self._chosen) if not self._is_output(path))
        elif archives.is_archive(name):
            yield from archives.members(name, self._chosen, self._limits)
        elif not self._is_output(name):
            yield name

    def _is_output(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return name in self._own and Path(path).resolve() == self._own[name]


def contents(path: Path, limits: Limits) -> bytes | Rejection:
    """A file's bytes, or why it has none: a file that is too long is not read at all."""
    return fetch(str(path), limits).data


__all__ = ["STANDARD_INPUT", "SourceUnusable", "Sources", "contents", "source_of"]
