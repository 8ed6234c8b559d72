"""The sets of pictures that are measured with, on the disk and in the system's memory."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALL = {"mnist": 70_000, "photos": 200}
"""The sets, and how many pictures they have."""


class NoPictures(Exception):
    """The pictures could not be made; why stands on stderr."""


def folder_of(name: str, count: int) -> Path:
    """The first so many pictures of a set, each read once, so that nobody waits for the disk. Raises NoPictures."""
    command = [sys.executable, "-m", "benchmarks.predicting.sets", name, str(count)]
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        raise NoPictures(f"the pictures of {name} could not be made")
    folder = Path(made.stdout.strip())
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes()
    return folder
