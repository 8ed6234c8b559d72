"""A row's item, found again by what its row calls it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from serving.folder import archives, urls
from serving.folder.chosen import ALL
from serving.folder.items import Item, Remote, source_of


@dataclass(slots=True)
class Again:
    """Finds items of rows, asked for in the order of the rows, so that an archive is gone through once."""

    _archive: str = ""
    _members: Iterator[Item] = field(default_factory=lambda: iter(()))

    def __call__(self, source: str) -> Item | None:
        """The item; None where there is no such file any more."""
        if os.path.isfile(source):
            return source
        if urls.is_url(source):
            return Remote(source, "", None)
        archive = archive_of(source)
        if archive is None:
            return None
        if archive != self._archive:
            self._archive, self._members = archive, archives.members(archive, ALL)
        return next((one for one in self._members if source_of(one) == source), None)


def archive_of(source: str) -> str | None:
    """The archive that a source lies in; None where it lies in none."""
    end = source.find("/", 1)
    while end > 0:
        if archives.is_archive(source[:end]) and os.path.isfile(source[:end]):
            return source[:end]
        end = source.find("/", end + 1)
    return None
