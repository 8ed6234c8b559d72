"""Digits and letters of the fonts that are installed; matplotlib's own are always among them."""

import hashlib
import itertools
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from training.scenes.digit import Layer, crop

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
    Path("/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)
SUFFIXES = {".ttf", ".otf"}
LETTERS = string.ascii_letters
NO_CHARACTER = "\uffff"
"""What no font has; drawn as whatever a font draws for what it lacks."""
REFERENCES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "STIXGeneralItalic.ttf")
"""Matplotlib's fonts that show what digits and letters look like."""
LEAST_DIGITS, LEAST_LETTERS = 0.45, 0.35
"""The mean correlations of a font's digits, and of its letters, with the references'.

Of 220 families the least like them, in handwriting, has 0.48 and 0.38; of symbols, formulae and key caps the most like
them has digits of 0.34.
"""
MOST_ALIKE = 0.99
"""Two digits that correlate more than this are one and the same box, drawn for what a font lacks."""


@dataclass(frozen=True, slots=True, order=True)
class Font:
    """One face of an installed font."""

    family: str
    style: str
    path: Path

    @property
    def maker(self) -> str:
        """The family's first four letters: what related families share ("Noto Sans", "Noto Serif")."""
        return "".join(letter for letter in self.family.lower() if letter.isalnum())[:4]

    @property
    def is_held_out(self) -> bool:
        """Whether it is kept from training: a fifth of all, related families together, by a hash of their name."""
        return hashlib.sha256(self.maker.encode()).digest()[0] % 5 == 0


@lru_cache(maxsize=4)
def find_fonts(folders: tuple[Path, ...] | None = None) -> tuple[Font, ...]:
    """The fonts below these folders (else the usual ones) and matplotlib's that have readable digits and letters, sorted.

    Of faces with the very same digits only the first stays, so that a design is not on both sides of the split.
    """
    paths = {path for folder in (*(FOLDERS if folders is None else folders), _own()) for path in _files(folder)}
    found: list[Font] = []
    digests: set[bytes] = set()
    for font in sorted(font for path in paths if (font := _opened(path)) is not None):
        digest = _digest(font)
        if digest not in digests and is_readable(font):
            digests.add(digest)
            found.append(font)
    return tuple(found)


def training_fonts(folders: tuple[Path, ...] | None = None) -> tuple[Font, ...]:
    """Those that training may see."""
    return tuple(font for font in find_fonts(folders) if not font.is_held_out)


def held_out_fonts(folders: tuple[Path, ...] | None = None) -> tuple[Font, ...]:
    """Those that training never sees."""
    return tuple(font for font in find_fonts(folders) if font.is_held_out)


def _own() -> Path:
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES) if folder.is_dir() else ()


def _opened(path: Path) -> Font | None:
    try:
        family, style = ImageFont.truetype(str(path), 16).getname()
    except (OSError, ValueError):
        return None
    named = family is not None and any(letter.isalnum() for letter in family)
    return Font(str(family), style or "", path) if named else None


@lru_cache(maxsize=2048)
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def render_glyph(font: Font, text: str, size: int = 64) -> Layer:
    """A character or more in a font, `size` pixels to the em, cropped to its ink; one empty pixel where there is none."""
    mask = _face(font.path, size).getmask(text, mode="L")
    width, height = mask.size
    if not width or not height:
        return np.zeros((1, 1), np.float32)
    return crop(np.asarray(mask, np.float32).reshape(height, width) * np.float32(1 / 255))


def _digest(font: Font) -> bytes:
    return hashlib.sha256(_glyphs(font, string.digits).tobytes()).digest()


def is_readable(font: Font) -> bool:
    """Whether a font has letters and ten digits that a reader would know: like those of the references.

    By what they look like, because fonts of symbols, of ornaments and of formulae have glyphs at these places too.
    """
    lacking = _template(font, NO_CHARACTER)
    digits, letters = _glyphs(font, string.digits), _glyphs(font, LETTERS)
    if any(not glyph.any() or np.array_equal(glyph, lacking) for glyph in itertools.chain(digits, letters)):
        return False
    among = np.einsum("ahw,bhw->ab", _standardised(digits), _standardised(digits))
    if float((among - np.eye(10)).max()) > MOST_ALIKE:
        return False
    return _likeness(digits, string.digits) >= LEAST_DIGITS and _likeness(letters, LETTERS) >= LEAST_LETTERS


def _glyphs(font: Font, characters: str) -> npt.NDArray[np.float32]:
    return np.stack([_template(font, character) for character in characters])


def _likeness(glyphs: npt.NDArray[np.float32], characters: str) -> float:
    """The mean correlation of (N, 20, 20) glyphs with the reference that each is most like.

    Small letters may look like capitals, as small capitals do.
    """
    ours = _standardised(glyphs)
    scores = [np.einsum("nhw,rnhw->rn", ours, _standardised(_references(text))) for text in (characters, characters.upper())]
    return float(np.concatenate(scores).max(0).mean())


def _standardised(glyphs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    centred = glyphs - glyphs.mean((-2, -1), keepdims=True)
    norms = np.sqrt((centred**2).sum((-2, -1), keepdims=True))
    return np.asarray(centred / np.maximum(norms, 1e-6), np.float32)


@lru_cache(maxsize=4)
def _references(characters: str) -> npt.NDArray[np.float32]:
    """(R, N, 20, 20): the characters in each reference."""
    return np.stack([_glyphs(Font(name, "", _own() / name), characters) for name in REFERENCES])


def _template(font: Font, text: str) -> npt.NDArray[np.float32]:
    """A glyph fitted into 20x20, its aspect kept, blurred a little so that heavy and light fonts are alike."""
    try:
        glyph = render_glyph(font, text, 40)
    except (OSError, ValueError):  # a damaged outline
        return np.zeros((20, 20), np.float32)
    scale = 20 / max(glyph.shape)
    height, width = (max(1, round(side * scale)) for side in glyph.shape)
    fitted = np.zeros((20, 20), np.float32)
    top, left = (20 - height) // 2, (20 - width) // 2
    fitted[top : top + height, left : left + width] = cv2.resize(glyph, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(fitted, (0, 0), 1.0), np.float32)


def choose(rng: np.random.Generator, *, held_out: bool = False) -> Font:
    """A font of one side of the split, each maker's as likely as another's: some have fifty faces."""
    makers = by_maker(held_out=held_out)
    faces = makers[int(rng.integers(len(makers)))]
    return faces[int(rng.integers(len(faces)))]


@lru_cache(maxsize=2)
def by_maker(*, held_out: bool) -> tuple[tuple[Font, ...], ...]:
    """The fonts of one side; all of them where it has none, as may be with matplotlib's own alone."""
    fonts = (held_out_fonts() if held_out else training_fonts()) or find_fonts()
    ordered = sorted(fonts, key=lambda font: (font.maker, font))
    return tuple(tuple(faces) for _, faces in itertools.groupby(ordered, key=lambda font: font.maker))
