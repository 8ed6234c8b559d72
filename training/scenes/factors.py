"""The factors: what can be between a digit and the picture of it that is uploaded. The dict is the list."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serving.reading import Ink
from training.scenes import beside, files, formats, pens, sheets
from training.scenes.files import Pixels

Draw = Callable[[Ink, np.random.Generator], Pixels]
"""(28, 28) uint8, 0 paper and 255 ink, to the pixels of a picture."""
Encode = Callable[[Pixels, np.random.Generator], bytes]


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: varies its own thing strongly and everything else mildly. Called, it gives the bytes of a file."""

    draw: Draw
    encode: Encode = files.png

    def __call__(self, ink: Ink, rng: np.random.Generator) -> bytes:
        """A file of this ink, (28, 28) uint8, 0 paper and 255 ink."""
        return self.encode(self.draw(ink, rng), rng)


FACTORS: dict[str, Factor] = {
    "plain": Factor(sheets.plain),
    "light on dark": Factor(sheets.light_on_dark),
    "grey paper": Factor(sheets.grey_paper),
    "coloured": Factor(sheets.coloured),
    "equally light": Factor(sheets.equally_light),
    "low contrast": Factor(sheets.low_contrast),
    "light falls": Factor(sheets.light_falls),
    "shadow": Factor(sheets.shadow),
    "ruled": Factor(sheets.ruled),
    "squared": Factor(sheets.squared),
    "textured": Factor(sheets.textured),
    "blackboard": Factor(sheets.blackboard),
    "whiteboard": Factor(sheets.whiteboard),
    "table edge": Factor(beside.table_edge),
    "box": Factor(beside.box),
    "open box": Factor(beside.open_box),
    "touching box": Factor(beside.touching_box),
    "grid cell": Factor(beside.grid_cell),
    "tilted cell": Factor(beside.tilted_cell),
    "underlined": Factor(beside.underlined),
    "specks": Factor(beside.specks),
    "punched": Factor(beside.punched),
    "neighbours": Factor(beside.neighbours),
    "hairline": Factor(pens.hairline),
    "marker": Factor(pens.marker),
    "pencil": Factor(pens.pencil),
    "fills frame": Factor(pens.fills_frame),
    "tiny": Factor(pens.tiny),
    "turned": Factor(pens.turned),
    "perspective": Factor(pens.perspective),
    "sensor noise": Factor(pens.sensor_noise),
    "out of focus": Factor(pens.out_of_focus),
    "motion": Factor(pens.motion),
    "low JPEG": Factor(pens.low_jpeg, files.jpeg),
    "phone photo": Factor(pens.phone_photo, files.jpeg),
    "28x28 inverted": Factor(pens.inverted),
    "28x28 off centre": Factor(pens.off_centre),
    "1-bit 32x32": Factor(formats.one_bit_icon, files.one_bit_png),
    "1-bit scan": Factor(formats.one_bit_scan, files.one_bit_png),
    "RGBA dark": Factor(formats.transparent_dark),
    "RGBA light": Factor(formats.transparent_light),
    "LA": Factor(formats.transparent_grey),
    "palette": Factor(formats.transparent_palette, files.palette_png),
    "EXIF": Factor(sheets.coloured, files.turned_jpeg),
    "16-bit": Factor(formats.deep_grey),
    "float TIFF": Factor(formats.float_grey, files.tiff),
    "CMYK": Factor(sheets.coloured, files.cmyk_jpeg),
    "GIF": Factor(sheets.plain, files.gif),
    "BMP": Factor(sheets.coloured, files.bmp),
    "WebP": Factor(sheets.coloured, files.webp),
}


def render(name: str, ink: Ink, rng: np.random.Generator) -> Pixels:
    """A factor's pixels before they are encoded: (H, W), (H, W, 2 to 4) uint8; (H, W) uint16 or float32 for two formats."""
    return FACTORS[name].draw(ink, rng)
