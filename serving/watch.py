"""A folder of models, looked at again and again: what has changed in it is put to work while requests are answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from serving.catalogue import ModelRefused, Signature, load_model, names_in, signature
from serving.lineup import Lineup, Served
from serving.settings import Backend

EVERY = 0.5
"""Seconds between two looks."""

log = logging.getLogger("digits")


class Watch:
    """Keeps a lineup as the folder is. Belongs to the lineup's event loop.

    A folder is taken up when its files lie as they did at the look before: one that is being copied keeps changing. What is
    nevertheless taken up half-way does not have the sha256 that its card proves, is refused, and taken up again as it goes
    on.
    """

    def __init__(self, lineup: Lineup, folder: Path, backend: Backend) -> None:
        self._lineup, self._folder, self._backend = lineup, folder, backend
        catalogue = lineup.catalogue
        self._taken: dict[str, Signature] = dict.fromkeys(catalogue.refused, ())
        self._taken |= {name: model.signature for name, model in catalogue.models.items()}
        """As what was last put to work or refused lay; what was refused at the start is tried once more."""
        self._seen: Mapping[str, Signature] = dict(self._taken)
        self._is_lost = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look again and again until the block ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except Exception:
                log.exception("The folder of models could not be looked at")

    async def look(self) -> None:
        """Look once, and take up what has changed and lies as it did at the look before."""
        try:
            found = await asyncio.to_thread(self._find)
        except OSError as error:
            self._lose(error)
            return
        self._is_lost = False
        before, self._seen = self._seen, found
        for name in sorted({*found, *before, *self._taken}):
            now = found.get(name)
            if now == before.get(name) and now != self._taken.get(name):
                await self._take(name, now)

    def _find(self) -> dict[str, Signature]:
        return {name: signature(self._folder / name, self._backend) for name in names_in(self._folder)}

    def _lose(self, error: OSError) -> None:
        """A folder that cannot be read is no empty one: a disk may be away for a while."""
        if not self._is_lost:
            log.warning("The folder of models cannot be read (%s); what was loaded answers as before", error.strerror)
        self._is_lost = True

    async def _take(self, name: str, now: Signature | None) -> None:
        if now is None:
            del self._taken[name]
            self._lineup.remove(name)
            return
        self._taken[name] = now  # whatever becomes of it, it is not tried again before it changes
        try:
            served = await asyncio.to_thread(self._prepare, name)
        except ModelRefused as error:
            self._lineup.refuse(name, str(error))
        else:
            self._lineup.put(served)

    def _prepare(self, name: str) -> Served:
        return self._lineup.prepare(load_model(self._folder / name, self._backend))
