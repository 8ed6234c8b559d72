"""A virtual environment for each peer, made on first use, with exactly the versions of benchmarks/peers/NAME.txt."""

import json
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "peers"
CACHE = Path.home() / ".cache" / "digits" / "peers"
TELL = """
import json, sys
from importlib.metadata import distributions
print(json.dumps({one.name.lower(): one.version for one in distributions() if one.name.lower() in sys.argv[1:]}))
"""


def environment(name: str, *, above_this: bool = False) -> Path:
    """The Python of a peer's environment; made anew where its pins or this Python changed since.

    above_this: what its pins do not name comes from the environment that this runs in, such as torch. Raises
    subprocess.CalledProcessError.
    """
    folder, pins = CACHE / name, FOLDER / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / "made-of.txt"
    wanted = f"# Python {platform.python_version()}\n{pins.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making the environment of {name} in {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if above_this:
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "below.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    install = ["install", "--quiet", "--no-deps", "--requirement", str(pins)]
    subprocess.run([str(python), "-m", "pip", "--disable-pip-version-check", *install], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def versions(python: Path | str, names: Sequence[str]) -> dict[str, str]:
    """The versions of those of these distributions that an environment has."""
    told = subprocess.run([python, "-c", TELL, *names], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(told.stdout)
    return found
