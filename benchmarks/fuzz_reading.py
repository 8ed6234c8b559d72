"""Fuzz the reading of pictures, guided by coverage: whatever the bytes, a picture of the promised shape or ImageRejected.

    python benchmarks/fuzz_reading.py --runs 1000000 --seed 0

Starts from small pictures of every format and mode, and from some that each step of the reading has work with, made anew
in a temporary folder. Anything but a picture or a refusal ends the run with an error, and so does an input that takes too
long or too much memory; the input is then kept where the message says.
"""

import argparse
import io
import itertools
import json
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # where the packages are

SECONDS_FOR_ONE = 5
"""Of a core's time, so that what else runs here does not count."""
MEBIBYTES_FOR_ONE = 300
"""What one input may add to the most that was taken before it; a picture has a megapixel at most."""
HANGS_AFTER_S, MEBIBYTES = 120, 4000
"""At which the fuzzer itself ends the run."""
MOST_BYTES = 20_000
ROUND = 10_000
"""Inputs that one process tries. The fuzzer itself grows by some 20 KB with each; the same inputs, read without it, leave
memory as it is."""


def arguments() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs to try")
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long; 0: only after the runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=["read", "decode"], default="read")
    parser.add_argument("--keep", type=Path, default=Path.cwd(), help="folder for inputs that fail")
    return parser.parse_args()


def main() -> None:
    """Make the seeds, and run the fuzzer over them."""
    options = arguments()
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing needs atheris, which there is for some versions of Python only: pip install atheris")
    # Only what is ours is watched; whole libraries make every input several times as slow.
    with atheris.instrument_imports(include=["serving.reading", "PIL"]):
        import serving.reading  # noqa: F401, RUF100 - for the effect on it
    tally = Tally(target(options.target), options.runs, options.seconds)
    with tempfile.TemporaryDirectory(prefix="digits-fuzz-") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for name, data in seeds():
            (corpus / name).write_bytes(data)
        while not tally.is_done():
            fuzz_one_round(options, corpus, tally)
    tally.print_closing_line("no violation")


def fuzz_one_round(options: argparse.Namespace, corpus: Path, tally: "Tally") -> None:
    """Have another process go on with the tally for a round; whatever ends it with an error ends this one, too."""
    told = corpus.with_name("tally.json")
    child = os.fork()
    if not child:
        tally.begin_round(told)
        fuzz(options, corpus, tally)  # never returns
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(code)
    tally.take_over(told)


def fuzz(options: argparse.Namespace, corpus: Path, tally: "Tally") -> None:
    """Try inputs until the tally ends the process; corpus: the seeds, to which the fuzzer adds what it finds."""
    import atheris

    atheris.Setup(
        [
            sys.argv[0], f"-seed={options.seed + 1 + tally.results.total()}",  # 0 would be the time
            f"-timeout={HANGS_AFTER_S}", f"-rss_limit_mb={MEBIBYTES}", f"-max_len={MOST_BYTES}",
            f"-artifact_prefix={options.keep}{os.sep}", "-verbosity=0",
            "-close_fd_mask=2",  # libtiff prints a line about every other broken file
            str(corpus),
        ],
        tally.try_one,
        custom_mutator=mutate(lambda data, most: atheris.Mutate(data, most)),  # noqa: PLW0108 - there only once it fuzzes
    )  # fmt: skip
    atheris.Fuzz()


def target(name: str) -> Callable[[bytes], str]:
    """What is fuzzed: bytes to "read" or the reason of the refusal; anything else is an exception."""
    import importlib

    import numpy as np

    from serving.reading.refusal import ImageRejected

    decoding = importlib.import_module("serving.reading.decode")
    limits = decoding.Limits(max_pixels=1_000_000)

    def decode(data: bytes) -> str:
        try:
            pixels = decoding.decode(data, limits).pixels
        except ImageRejected as refusal:
            return str(refusal.reason)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert pixels.size
        assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3), pixels.shape
        return "read"

    def read(data: bytes) -> str:
        from serving.reading import Reading
        from serving.reading import read as read_picture

        results = set()
        for kind in ("digit", "plain"):
            try:
                reading = read_picture(data, kind, limits)
            except ImageRejected as refusal:
                results.add(str(refusal.reason))
                continue
            assert isinstance(reading, Reading)
            assert reading.picture.shape == (28, 28), reading.picture.shape
            assert reading.picture.dtype == np.uint8
            results.add("read")
        return " and ".join(sorted(results))

    return {"decode": decode, "read": read}[name]


class Tally:
    """Tries inputs and counts what became of them."""

    def __init__(self, run: Callable[[bytes], str], runs: int, seconds: int) -> None:
        from serving.reading import prepare_process

        prepare_process()
        self.run = run
        self.runs = runs
        self.seconds = seconds or float("inf")
        self.results: Counter[str] = Counter()
        self.slowest = 0.0
        self.slowest_is = ""
        self.mebibytes = 0
        self.began = time.perf_counter()
        self.round_ends = 0
        self.told = Path()

    def is_done(self) -> bool:
        """Whether enough was tried."""
        return self.results.total() >= self.runs or time.perf_counter() - self.began > self.seconds

    def begin_round(self, told: Path) -> None:
        """From here on this process ends with the round; told: the file in which it leaves the tally."""
        self.round_ends = self.results.total() + ROUND
        self.told = told

    def take_over(self, told: Path) -> None:
        """Go on from what a round's process left."""
        left = json.loads(told.read_text(encoding="utf-8"))
        told.unlink()
        self.results = Counter(left["results"])
        self.slowest, self.slowest_is, self.mebibytes = left["slowest"], left["slowest_is"], left["mebibytes"]

    def leave(self) -> None:
        """Leave the tally to the process that began the round, and end this one."""
        self.mebibytes = max(self.mebibytes, peak_mebibytes())
        names = ("results", "slowest", "slowest_is", "mebibytes")
        self.told.write_text(json.dumps({name: getattr(self, name) for name in names}), encoding="utf-8")
        os._exit(0)

    def measured(self, data: bytes) -> tuple[str, float]:
        """What became of one input, and the seconds it took. Raises where it took too much."""
        began, taken = time.process_time(), peak_mebibytes()
        result = self.run(data)
        seconds, added = time.process_time() - began, peak_mebibytes() - taken
        if seconds > SECONDS_FOR_ONE:
            raise TimeoutError(f"{seconds:.1f} s")
        if added > MEBIBYTES_FOR_ONE:
            raise MemoryError(f"{added} MiB")
        return result, seconds

    def try_one(self, data: bytes) -> None:
        """Try one input; what it raises ends the run, and so does having tried enough."""
        try:
            result, seconds = self.measured(data)
        except BaseException as error:
            self.print_closing_line(f"VIOLATED by {len(data)} bytes that start {data[:12]!r}, {type(error).__name__}")
            raise
        self.results[result] += 1
        if seconds > self.slowest:
            self.slowest = seconds
            self.slowest_is = f"{len(data)} bytes that start {data[:12]!r}, {result}"

        if self.results.total() >= self.round_ends or self.is_done():
            self.leave()

    def print_closing_line(self, verdict: str) -> None:
        """Print what was tried and what became of it."""
        most = max(self.mebibytes, peak_mebibytes())
        counts = ", ".join(f"{name} {count}" for name, count in self.results.most_common())
        print(
            f"{verdict}; {self.results.total()} inputs in {time.perf_counter() - self.began:.0f} s; "
            f"slowest {self.slowest * 1000:.0f} ms ({self.slowest_is}); at most {most} MiB; {counts}",
            flush=True,
        )


def peak_mebibytes() -> int:
    """The most that this process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def mutate(by_library: Callable[[bytes, int], bytes]) -> Callable[[bytes, int, int], bytes]:
    """The library's own mutation, after which three of four PNG get their chunks' sums right again."""

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        changed = by_library(data, most)
        return with_sums(changed)[:most] if seed % 4 and changed.startswith(b"\x89PNG") else changed

    return mutated


def with_sums(data: bytes) -> bytes:
    """A PNG's bytes with the sum of every chunk made right."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(mended)


def seeds() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of small pictures of every format and mode, some with EXIF, frames or transparency."""
    import numpy as np
    from PIL import Image, features

    values = np.add.outer(np.arange(20) * 9, np.arange(16) * 5).astype(np.uint8)
    values[5:15, 6:8] = 250
    coloured = Image.fromarray(np.dstack([values, 255 - values, values // 2, values]))
    exif = Image.Exif()
    exif[0x0112] = 6
    modes = {
        "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
        "JPEG": ["L", "RGB", "CMYK", "YCbCr"],
        "WEBP": ["RGB", "RGBA"],
        "AVIF": ["RGB", "RGBA"],
        "BMP": ["1", "L", "P", "RGB", "RGBA"],
        "GIF": ["1", "L", "P", "RGBA"],
        "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
    }
    variants: dict[str, list[dict[str, object]]] = {
        "PNG": [{"exif": exif}],
        "JPEG": [{"exif": exif}, {"progressive": True}, {"subsampling": 0}],
        "WEBP": [{"exif": exif}, {"lossless": True}],
        "GIF": [{"interlace": 1}],
        "TIFF": [
            {"exif": exif},
            *({"compression": name} for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
        ],
    }
    for name, picture in scenes().items():
        yield f"PNG-{name}", saved(picture, "PNG", {})
    yield "TIFF-jpeg", saved(coloured.convert("RGB"), "TIFF", {"compression": "jpeg"})
    yield "TIFF-fax", saved(coloured.convert("1"), "TIFF", {"compression": "group4"})
    for kind, names in modes.items():
        if kind == "AVIF" and not features.check("avif"):
            continue
        for mode, (number, options) in itertools.product(names, enumerate([{}, *variants.get(kind, [])])):
            image = in_mode(coloured, mode)
            data = saved(image, kind, options)
            if data:
                yield f"{kind}-{mode.replace(';', '-')}-{number}", data
        if kind in {"PNG", "GIF", "WEBP", "TIFF"}:
            frames = [coloured.convert("RGB"), coloured.convert("RGB").transpose(Image.Transpose.ROTATE_180)]
            yield f"{kind}-frames", saved(frames[0], kind, {"save_all": True, "append_images": frames[1:]})


def scenes() -> "dict[str, PIL.Image.Image]":  # noqa: F821 - imported where it is used
    """Pictures large enough for every step of the reading to have work: a frame, lines, a table, a shadow, clutter."""
    import cv2
    import numpy as np
    from PIL import Image

    digit = np.full((150, 130), 230, np.uint8)
    cv2.polylines(digit, [np.array([[50, 50], [80, 50], [60, 105]])], isClosed=False, color=20, thickness=6)
    framed, ruled, table, shaded = (digit.copy() for _ in range(4))
    cv2.drawContours(framed, [np.array([[28, 28], [104, 24], [107, 122], [31, 126]])], 0, 20, 3)
    ruled[12::30] = 120
    ruled[:, 9::40] = 120
    table[:, :25] = 30
    shaded[:, 70:] //= 2
    clutter = np.full_like(digit, 255)
    clutter[::7, ::7] = 0
    coloured = np.stack([digit, 255 - digit, np.full_like(digit, 140)], axis=2)
    bars = {"long": digit[50:53].repeat(5, axis=1), "high": digit[:, 60:61], "dot": digit[:1, :1]}
    pictures = {"framed": framed, "ruled": ruled, "table": table, "shaded": shaded, "clutter": clutter, "coloured": coloured}
    return {name: Image.fromarray(picture) for name, picture in (pictures | bars).items()}


def in_mode(image: "PIL.Image.Image", mode: str) -> "PIL.Image.Image":  # noqa: F821 - imported where it is used
    """A picture in any mode, deep grey and LAB included."""
    import numpy as np
    from PIL import Image

    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "LAB":
        return Image.frombytes("LAB", image.size, image.convert("RGB").tobytes())
    return image.convert(mode)


def saved(image: "PIL.Image.Image", kind: str, options: dict[str, object]) -> bytes:  # noqa: F821 - likewise
    """A picture as a file's bytes; none where the format cannot hold the mode in this way."""
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError, RuntimeError, KeyError):
        return b""
    return file.getvalue()


if __name__ == "__main__":
    main()
