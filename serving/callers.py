"""Who waits for an answer: a future that a task awaits or, where a task would cost as much as the answer, a callback."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

Given = TypeVar("Given")
Answer_contra = TypeVar("Answer_contra", contravariant=True)


class Caller(Protocol[Answer_contra]):
    """Who waits for an answer, as an asyncio.Future does. It does not raise."""

    def done(self) -> bool:
        """Whether nobody waits any longer."""

    def set_result(self, result: Answer_contra, /) -> object:
        """Here it is."""

    def set_exception(self, exception: Exception, /) -> object:
        """There will be none."""


class Callback(Generic[Given]):
    """Waits for an answer to go on with. Who gives it has others to serve, so what goes wrong then stays here."""

    __slots__ = ("_go_on", "set_exception")

    def __init__(self, go_on: Callable[[Given], object], set_exception: Callable[[Exception], object]) -> None:
        """go_on: is given the answer; what it raises is given to set_exception, which may not raise."""
        self._go_on, self.set_exception = go_on, set_exception

    def set_result(self, result: Given, /) -> None:
        """Go on."""
        try:
            self._go_on(result)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to who waits here
            self.set_exception(error)

    def done(self) -> bool:
        """No: what goes on by itself is not given up."""
        return False
