"""Fuzz the reading of pictures, guided by coverage: whatever the bytes, a picture of the promised shape or ImageRejected.

    python benchmarks/fuzz_reading.py --runs 1000000 --seed 0

Starts from small pictures of every format and mode, made anew in a temporary folder. Anything but a picture or a refusal
ends the run, and so does an input that takes too long or too much memory; the input is then kept where the message says.
"""

import argparse
import io
import itertools
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
MEBIBYTES = 1500
MOST_BYTES = 20_000


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
        for name, data in seeds():
            (Path(folder) / name).write_bytes(data)
        child = os.fork()  # the fuzzer never returns, and the folder is to be removed
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        fuzz(options, folder, tally)


def fuzz(options: argparse.Namespace, folder: str, tally: "Tally") -> None:
    """Try inputs until the tally ends the process; folder: the seeds, to which the fuzzer adds what it finds."""
    import atheris

    atheris.Setup(
        [
            sys.argv[0], f"-seed={options.seed + 1}",  # 0 would be the time
            f"-timeout={SECONDS_FOR_ONE}", f"-rss_limit_mb={MEBIBYTES}", f"-max_len={MOST_BYTES}",
            f"-artifact_prefix={options.keep}{os.sep}", folder,
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
        self.began = time.perf_counter()

    def try_one(self, data: bytes) -> None:
        """Try one input; what it raises ends the run, and so does having tried enough."""
        began = time.perf_counter()
        try:
            result = self.run(data)
        except BaseException:
            self.print_closing_line()
            raise
        seconds = time.perf_counter() - began
        self.results[result] += 1
        if seconds > self.slowest:
            self.slowest = seconds
            self.slowest_is = f"{len(data)} bytes that start {data[:12]!r}, {result}"

        if self.results.total() >= self.runs or began - self.began > self.seconds:
            self.print_closing_line()
            os._exit(0)

    def print_closing_line(self) -> None:
        """Print what was tried and what became of it."""
        mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        counts = ", ".join(f"{name} {count}" for name, count in self.results.most_common())
        print(
            f"{self.results.total()} inputs in {time.perf_counter() - self.began:.0f} s; "
            f"slowest {self.slowest * 1000:.0f} ms ({self.slowest_is}); at most {mebibytes} MiB; {counts}",
            flush=True,
        )


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
