"""Install wheels into an environment that has no pip of its own, so that two builds of an image agree.

    python3 install.py ENVIRONMENT PIP-ARGUMENTS…

What the network needs comes as build secrets: `ca`, a bundle of certificates, and `pip`, a configuration of pip.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

SECRETS = {"ca": ("PIP_CERT", "SSL_CERT_FILE"), "pip": ("PIP_CONFIG_FILE",)}
UNUSED = {"test", "tests"}
"""Folders of tests: 30 MB, most of them numpy's."""
UNREAD = {".a", ".c", ".h", ".pxd", ".pyi", ".pyx"}
"""Files that compilers and type checkers read and Python does not: 3 MB."""


def main(environment: Path, arguments: list[str]) -> None:
    """Install, without what only tests, compilers and type checkers need, and with compiled modules."""
    variables = dict(os.environ)
    for secret, names in SECRETS.items():
        file = Path("/run/secrets") / secret
        variables |= {name: str(file) for name in names if file.is_file()}
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install"]
    pip += ["--no-cache-dir", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:"]
    subprocess.run([*pip, *arguments], check=True, env=variables)
    root = Path(arguments[arguments.index("--root") + 1]) if "--root" in arguments else Path("/")
    below = root / environment.relative_to("/")
    for folder in [path for path in below.rglob("*") if path.name in UNUSED and path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in [path for path in below.rglob("*") if path.suffix in UNREAD and path.is_file()]:
        file.unlink()
    compile_modules(below, root)


def compile_modules(folder: Path, root: Path) -> None:
    """Compile all modules below a folder, for a root file system whose files have no time of their own.

    By default Python compares the time of a source with the one in the compiled module, and an image that can be built twice
    has one time for all files: each start would compile everything anew.
    """
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, workers=0, stripdir=str(root), prependdir="/", invalidation_mode=unchecked)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
