"""Pictures and words on a canvas, for people to look at."""

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, red, green, blue; drawn on in place."""
Shown = npt.NDArray[np.uint8]
"""(H, W) or (H, W, 3) uint8: a picture to be shown."""
Colour = tuple[int, int, int]

WHITE, BLACK, GREY, PALE, RED, GREEN, BLUE = (
    (255, 255, 255), (0, 0, 0), (110, 110, 110), (228, 228, 228), (190, 30, 30), (20, 120, 60), (40, 90, 170),
)  # fmt: skip

FONT, SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
LINE = 20
"""From one line of text to the next, in pixels."""


def canvas(height: int, width: int, colour: Colour = WHITE) -> Canvas:
    """An empty canvas."""
    return np.full((height, width, 3), colour, np.uint8)


def put(onto: Canvas, picture: Shown, left: int, top: int) -> None:
    """Put a picture onto a canvas that has the room for it."""
    height, width = picture.shape[:2]
    onto[top : top + height, left : left + width] = picture if picture.ndim == 3 else picture[..., np.newaxis]


def fit(picture: Shown, side: int) -> Canvas:
    """A picture in the middle of a (side, side) square, as large as fits; its pixels stay squares when enlarged."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    square = canvas(side, side, PALE)
    put(square, np.asarray(resized, np.uint8), (side - size[0]) // 2, (side - size[1]) // 2)
    return square


def write(onto: Canvas, words: str, left: int, baseline: int, width: int, colour: Colour = BLACK) -> None:
    """Write one line of text, shortened where it is wider than width."""
    cv2.putText(onto, shortened(words, width), (left, baseline), FONT, SIZE, colour, 1, cv2.LINE_AA)


def shortened(words: str, width: int) -> str:
    """Text without line breaks and the like that takes width pixels at most; what is cut off shows as three dots."""
    words = "".join(letter if letter.isprintable() else "?" for letter in words)
    if width_of(words) <= width:
        return words
    # Longer text is never narrower, so the longest that fits can be searched for by halving.
    fits, too_long = 0, len(words)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if width_of(words[:middle] + "...") <= width else (fits, middle)
    return words[:fits] + "..."


def width_of(words: str) -> int:
    """How many pixels wide a line of text is."""
    return int(cv2.getTextSize(words, FONT, SIZE, 1)[0][0])


def bar(onto: Canvas, left: int, top: int, width: int, height: int, share: float, colour: Colour) -> None:
    """A horizontal bar of which a share, 0 to 1, is filled."""
    onto[top : top + height, left : left + width] = PALE
    onto[top : top + height, left : left + round(width * share)] = colour


def outline(onto: Canvas, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
    """The outline of a box; parts beyond the canvas are not drawn."""
    cv2.rectangle(onto, (left, top), (right, bottom), colour, 1)


def png(drawn: Canvas) -> bytes:
    """A canvas as the bytes of a PNG file."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
