"""Which of the files that are found are wanted: --include and --exclude."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Chosen:
    """Patterns of the shell. One without a slash is of a file's name; one with is of its path below the folder or archive.

    A file that was named itself is in none: its path is the name that it was given.
    """

    include: Sequence[str] = ()
    """Some of them has to match a file, where there are any."""
    exclude: Sequence[str] = ()
    """None of them may match a file, nor a folder that it is in."""

    def takes(self, path: str) -> bool:
        """Whether a file is wanted. path: below what was named, with slashes."""
        if not self.include and not self.exclude:
            return True  # as a rule, and of millions
        return not self._matches(self.exclude, path) and (not self.include or self._matches(self.include, path))

    def enters(self, path: str) -> bool:
        """Whether a folder is gone into."""
        return not self._matches(self.exclude, path)

    @staticmethod
    def _matches(patterns: Sequence[str], path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


ALL = Chosen()
