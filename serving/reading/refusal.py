"""Why a picture is refused: a closed list of reasons, each with our own sentence."""

from enum import StrEnum


class Reason(StrEnum):
    """The reasons; the value is what an answer says, `message` is the sentence beside it."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LONG = "too_long"
    TOO_NARROW = "too_narrow"
    TOO_MANY_FRAMES = "too_many_frames"
    UNREADABLE = "unreadable"
    CRASHED = "crashed"

    @property
    def message(self) -> str:
        """The reason as a sentence for a person."""
        return MESSAGES[self]


MESSAGES = {
    Reason.EMPTY: "The file is empty.",
    Reason.NOT_AN_IMAGE: "The file is not a picture.",
    Reason.UNSUPPORTED_FORMAT: (
        "The picture's format is not supported; send PNG, JPEG, WebP, AVIF, BMP, GIF or TIFF, and HEIC saved as JPEG."
    ),
    Reason.TRUNCATED: "The picture ends before it is complete.",
    Reason.DAMAGED: "The picture is damaged and cannot be decoded.",
    Reason.TOO_MANY_BYTES: "The file has more bytes than one picture may have.",
    Reason.TOO_MANY_PIXELS: "The picture has more pixels than one picture may have.",
    Reason.TOO_LONG: "A side of the picture is longer than it may be.",
    Reason.TOO_NARROW: "The picture is too narrow: one side is very many times as long as the other.",
    Reason.TOO_MANY_FRAMES: "The animation has more frames than one picture may have.",
    Reason.UNREADABLE: "The file cannot be opened for reading.",
    Reason.CRASHED: "Reading the file ended the program that read it.",
}


class ImageRejected(Exception):
    """One picture cannot be read. Never concerns its neighbours."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason
