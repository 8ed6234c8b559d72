"""What there is to predict: paths, patterns, archives, lists and URLs to items, in a stable order."""

import glob
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from serving.folder import archives, lists, urls
from serving.folder.chosen import ALL, Chosen
from serving.folder.items import UNREADABLE, Item, Refused, fetch, source_of
from serving.folder.walk import strewn, walk
from serving.outcome import Rejection
from serving.reading import Limits

STANDARD_INPUT = "-"
ANY_DEPTH = "**"
Through = Callable[[str, Chosen], Iterator[str]]
"""How a folder is gone through."""


class SourceUnusable(Exception):
    """What was named does not exist, cannot be looked into, or is the output."""


class Sources:
    """What was named: where items come from, again and again where that can be."""

    def __init__(
        self, named: Sequence[str], *, list_file: Path | None = None, chosen: Chosen = ALL, outputs: Collection[Path] = ()
    ) -> None:
        """named: files, folders, patterns, archives, URLs, "-" for a list on standard input. list_file: a list beside them.

        A list holds files, folders, archives and URLs, and no patterns; what it names and is not there has a row. Whatever
        is named twice is found twice. outputs: files that may lie among the inputs and are none. Raises SourceUnusable.
        """
        self._chosen = chosen
        self._own = {path.name: path.resolve() for path in outputs}
        self._endings = tuple(self._own)  # told in a fraction of the time, of millions
        self._list_file = list_file
        self._named = [str(name) if name == STANDARD_INPUT or urls.is_url(name) else self._checked(name) for name in named]
        if list_file is not None:
            _check_list(list_file)

    @property
    def can_repeat(self) -> bool:
        """Whether they can be gone through twice: not standard input, nor a pipe, nor without asking a store again."""
        is_once = any(name == STANDARD_INPUT or urls.is_url(name) for name in self._named)
        return not is_once and (self._list_file is None or self._list_file.is_file())

    def __iter__(self) -> Iterator[Item]:
        """Every item, in a stable order, however many there are. Raises OSError, urls.UrlUnusable."""
        return self._found(walk)

    def count(self) -> int:
        """How many items there are; no names of a folder's files are held for it. Raises as going through them does."""
        return sum(1 for _ in self._found(strewn))

    def _found(self, through: Through) -> Iterator[Item]:
        for name in self._named:
            if name == STANDARD_INPUT:
                yield from self._all_of(lists.names(sys.stdin.buffer), through)
            elif _is_pattern(name):
                yield from self._all_of(_matches(name), through)
            else:
                yield from self._below(name, through)
        if self._list_file is not None:
            with open(self._list_file, "rb") as file:
                yield from self._all_of(lists.names(file), through)

    def _checked(self, name: str) -> str:
        """A name without needless dots and slashes, if there is something of that name, or that matches it."""
        if _is_pattern(name):
            if next(_matches(name), None) is None:
                raise SourceUnusable(f"{name} matches nothing")
            return name
        try:
            os.lstat(name)
            if os.path.isdir(name):
                os.scandir(name).close()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise SourceUnusable(f"{name} does not exist") from None
        except OSError as error:
            raise SourceUnusable(f"{name}: {error.strerror}") from None
        if self._is_output(name):
            raise SourceUnusable(f"{name} is an input and the output")
        return str(Path(name))

    def _all_of(self, given: Iterator[str], through: Through) -> Iterator[Item]:
        for name in given:
            try:
                yield from self._below(name, through)
            except urls.UrlMissing:
                yield Refused(name, "", UNREADABLE)

    def _below(self, name: str, through: Through) -> Iterator[Item]:
        if urls.is_url(name):
            yield from urls.listed(name, self._chosen)
        elif os.path.isdir(name):
            for path in through(name, self._chosen):
                if not path.endswith(self._endings) or not self._is_output(path):
                    yield path
        elif archives.is_archive(name):
            yield from archives.members(name, self._chosen)
        elif self._chosen.takes(name) and not self._is_output(name):
            yield name

    def _is_output(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return name in self._own and Path(path).resolve() == self._own[name]


def _check_list(path: Path) -> None:
    """A list may be a pipe, as the shell makes one of <(find ...)."""
    if not path.exists():
        raise SourceUnusable(f"{path} does not exist")
    if path.is_dir():
        raise SourceUnusable(f"{path} is a folder; --list takes a file of names")


def _is_pattern(name: str) -> bool:
    """Whether a name is a pattern of the shell; whatever exists is itself."""
    return glob.has_magic(name) and not os.path.lexists(name)


def _matches(pattern: str) -> Iterator[str]:
    """What a pattern matches, sorted. ** is any folders but hidden and linked ones, and what matches then are files."""
    parts = pattern.split("/")
    if ANY_DEPTH not in parts:
        yield from sorted(str(Path(one)) for one in glob.iglob(pattern))
        return
    place = parts.index(ANY_DEPTH)
    wanted = [part for part in parts[place + 1 :] if part not in {"", ANY_DEPTH}]
    for folder in sorted(glob.iglob("/".join(parts[:place]) or "/")) if place else ["."]:
        root = os.path.join(folder, "") if place else ""
        for path in walk(folder, ALL) if os.path.isdir(folder) else ():
            last = path.removeprefix(root).split("/")[-len(wanted) :] if wanted else []
            if len(last) == len(wanted) and all(map(fnmatchcase, last, wanted)):
                yield path


def contents(path: Path, limits: Limits) -> bytes | Rejection:
    """A file's bytes, or why it has none: a file that is too long is not read at all."""
    return fetch(str(path), limits).data


__all__ = ["STANDARD_INPUT", "SourceUnusable", "Sources", "contents", "source_of"]
