"""What every room's tests need: the committed model, a few pictures of MNIST's test set, files that are broken."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.catalogue import Model, load_model

ROOT = Path(__file__).parent.parent
PICTURES = Path(__file__).parent / "pictures"
REPORT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[REPORT]:
        terminalreporter.write_line(line, bold=True, red="neither" in line)  # what was neither built nor run


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are told at the end of the run."""
    return request.config.stash[REPORT]


@pytest.fixture(scope="module")
def matplotlibs_fonts_alone() -> Iterator[None]:
    """No other fonts are found, so that pictures are the same wherever they are made, and quick to make."""
    from training.scenes import fonts  # not where serving alone is installed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "FOLDERS", ())
        for cached in (fonts.find_fonts, fonts.by_maker):
            cached.cache_clear()
        yield
        for cached in (fonts.find_fonts, fonts.by_maker):
            cached.cache_clear()


def bomb(side: int) -> bytes:
    """A PNG that announces side x side pixels and weighs almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model(ROOT / "models" / "convnet")


@pytest.fixture(scope="session")
def digits() -> list[bytes]:
    """The first 0, 1, … 9 of MNIST's test set, as PNG files."""
    return [(PICTURES / f"{digit}.png").read_bytes() for digit in range(10)]


@pytest.fixture(scope="session")
def broken(digits: list[bytes]) -> dict[str, bytes]:
    """Files that are no pictures, by the reason they are refused with; "damaged" is a real picture in its header only."""
    seven = digits[7]
    return {
        "empty": b"",
        "not_an_image": b"Dear Sir or Madam,\n",
        "unsupported_format": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "truncated": seven[: len(seven) // 2],
        "damaged": seven[:60] + bytes(len(seven) - 72) + seven[-12:],
        "too_many_pixels": bomb(60_000),
        "too_many_bytes": seven + bytes(16 * 2**20),
    }
