"""Copy out of a base image what an environment needs to run, and no more: no shell, no package manager.

    python3 root.py ENVIRONMENT ROOT

The interpreter, the standard library, the shared libraries that these and the environment's own are linked against, the
certificates, and the few files that name folders, users and hosts. Any base will do, wherever its Python lies.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from install import compile_modules

FOLDERS = ("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "data", "dev", "etc", "proc", "run", "sys", "tmp")
UNUSED = (
    "__pycache__", "config-*", "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages",
    "sitecustomize.py", "test", "tests", "tkinter", "turtledemo",
    "_curses*", "_dbm*", "_gdbm*", "_tkinter*", "nis*", "readline*",
)  # fmt: skip
"""Of the standard library: what is the base's own, and what no service imports; a dozen libraries stay away with it."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NAMES = {
    "ld.so.conf": "/usr/local/lib\n",
    "passwd": "root:x:0:0::/:/sbin/nologin\ndigits:x:10001:10001::/tmp:/sbin/nologin\n",
    "group": "root:x:0:\ndigits:x:10001:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def main(environment: Path, root: Path) -> None:
    """Make the root file system into which the environment is then copied."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "tmp").chmod(0o1777)
    interpreter, library = Path(sys.executable), Path(sysconfig.get_path("stdlib"))
    _copy(interpreter, root)
    shutil.copytree(library, _inside(root, library), symlinks=True, ignore=shutil.ignore_patterns(*UNUSED))
    compile_modules(_inside(root, library), root)
    for file in (*_linked([interpreter, *_inside(root, library).rglob("*.so"), *environment.rglob("*.so*")]), CERTIFICATES):
        _copy(file, root)
    for name, text in NAMES.items():
        (root / "etc" / name).write_text(text)
    subprocess.run(["ldconfig", "-r", root], check=True)


def _inside(root: Path, file: Path) -> Path:
    return root / file.relative_to("/")


def _copy(file: Path, root: Path) -> None:
    """Under the name that it is asked for by, whatever file that is a link to."""
    _inside(root, file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, _inside(root, file))


def _linked(binaries: Iterable[Path]) -> list[Path]:
    """The shared libraries of the base that these are linked against, directly or not."""
    told = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    if absent := re.findall(r"^\t(\S+) => not found", told.stdout, re.MULTILINE):
        sys.exit(f"The base has no {', '.join(sorted(set(absent)))}")
    found = set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", told.stdout, re.MULTILINE))
    return sorted(Path(name) for name in found if not name.startswith("/opt/"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
