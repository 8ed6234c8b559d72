"""What may come of asking a service instead of an answer. Apart from what asks, as that takes its time to import."""

from serving.reading import Reason


class ServiceFault(Exception):
    """The service cannot be asked, or does not answer as ours do; the message is one line that says why."""


class AskedWrongly(ServiceFault):
    """What was given is no URL of a service, or a name of no model there."""


class Later(ServiceFault):
    """The same request may be answered later."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
        """How many seconds to wait, where the service said so."""


class TooMuch(ServiceFault):
    """The request as a whole is larger than the service takes."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason
        """What a file that is alone in its request is refused for."""
