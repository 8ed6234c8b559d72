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
    """Waits for an answer to go on with."""

    __slots__ = ("set_exception", "set_result")

    def __init__(self, set_result: Callable[[Given], object], set_exception: Callable[[Exception], object]) -> None:
        """Neither may raise."""
        self.set_result, self.set_exception = set_result, set_exception

    def done(self) -> bool:
        """No: what goes on by itself is not given up."""
        return False
