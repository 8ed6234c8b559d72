"""What one worker has taken on and not answered yet, and when it is too much."""

from collections.abc import Iterator
from contextlib import contextmanager

from serving.meter import Meter
from serving.settings import Settings


class Overloaded(Exception):
    """More waits than may wait, or for longer."""


class TooManyPixels(Exception):
    """A request has more pixels in its pictures than one request may have."""


class Admission:
    """Takes files on, from before they are read until they are answered. Belongs to one event loop."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self._settings, self._meter = settings, meter
        self._files = self._pixels = 0

    def take_on(self, files: int, pixels: int, wait_s: float) -> None:
        """Take on the files of a request. wait_s: what they would wait for others. Raises Overloaded, TooManyPixels."""
        if pixels > self._settings.max_request_pixels and files > 1:
            raise TooManyPixels
        too_many = self._files + files > self._settings.max_waiting
        # One picture is taken on however large, as its own limit allows it, or it could never be.
        if too_many or (self._pixels and self._pixels + pixels > self._settings.max_waiting_pixels):
            raise Overloaded
        if wait_s > self._settings.max_wait_seconds:
            raise Overloaded
        self._change(files, pixels)

    def let_go(self, files: int, pixels: int) -> None:
        """They have been answered, or never will be."""
        self._change(-files, -pixels)

    @contextmanager
    def held(self, files: int, pixels: int, wait_s: float) -> Iterator[None]:
        """Take files on for as long as this lasts. Raises Overloaded, TooManyPixels."""
        self.take_on(files, pixels, wait_s)
        try:
            yield
        finally:
            self.let_go(files, pixels)

    def _change(self, files: int, pixels: int) -> None:
        self._files, self._pixels = self._files + files, self._pixels + pixels
        self._meter.waiting(self._files, self._pixels)
