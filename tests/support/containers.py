"""Build images and run containers with buildah and podman, without a daemon, a registry or anything below /etc.

The settings, the images and what is made along the way lie in one folder, `build/container`, which git ignores.
"""

import json
import os
import resource
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from started import Started, free_port, started

ROOT = Path(__file__).parent.parent.parent
TOOLS = ("buildah", "podman", "runc")
PACKAGES = "buildah podman runc netavark catatonit mmdebstrap"
BASE = "localhost/python:3.11-slim"
"""What images are built on. The short name in BentoML's generated file, python:3.11-slim, finds it before any registry."""
WEB = "localhost/web"
"""What npm runs in."""
IMAGE = "localhost/digits"
EPOCH = "315532800"
"""The time of every file, 1980: what the digest of a layer depends on, and a new build must not change."""
LOCKED = (
    "--network=host", "--no-healthcheck", "--pull=never",
    "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=16m,mode=1777",
    "--cap-drop=all", "--security-opt=no-new-privileges", "--memory=512m", "--pids-limit=64",
)  # fmt: skip
"""As Kubernetes would run it with the manifests' security context: of podman's own tmpfs on /run and /var/tmp none."""


def missing() -> str | None:
    """Why no image can be built and run here, or None."""
    if os.geteuid() != 0:
        return "it needs root"
    tools = [*TOOLS, *(() if {"CONTAINER_BASE", "CONTAINER_WEB"} <= os.environ.keys() else ("mmdebstrap",))]
    if absent := [tool for tool in tools if not shutil.which(tool)]:
        return f"{', '.join(absent)} cannot be found; install Debian's packages {PACKAGES}"
    return None


class CommandFailed(Exception):
    """A command ended badly; the message has the end of what it wrote."""


@dataclass(frozen=True)
class Engine:
    """buildah and podman with settings and images of their own."""

    folder: Path
    environment: dict[str, str]

    def run(
        self, *command: str, check: bool = True, timeout_s: float = 600, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """A command with these settings, what it writes as text. Raises CommandFailed."""
        more.setdefault("cwd", self.folder)  # where conmon leaves a file when a container has run out of memory
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=timeout_s, **more
        )
        if check and done.returncode:
            raise CommandFailed(f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
        return done

    def inspect(self, name: str) -> dict[str, Any]:
        """What podman tells of an image or a container."""
        (told,) = json.loads(self.run("podman", "inspect", name).stdout)
        return dict(told)

    def build(self, tag: str, *options: str, target: str = "service") -> str:
        """Build an image of the Dockerfile; returns its name."""
        command = ["buildah", "build", "--format=docker", "--network=host", "--pull-never", f"--timestamp={EPOCH}"]
        command += [
            f"--build-arg=BASE={self._base()}",
            f"--build-arg=WEB={self._web()}",
            f"--build-arg=REVISION={_revision()}",
        ]
        for secret, variable in (("ca", "SSL_CERT_FILE"), ("pip", "PIP_CONFIG_FILE"), ("npm", "NPM_CONFIG_USERCONFIG")):
            if file := os.environ.get(variable):
                command.append(f"--secret=id={secret},src={file}")
        self.run(*command, f"--target={target}", f"--tag={tag}", *options, str(ROOT))
        return tag

    def _base(self) -> str:
        """What CONTAINER_BASE names, else Debian with Python as small as it can be built with."""
        return self._image(BASE, "CONTAINER_BASE", self._make_base)

    def _web(self) -> str:
        """What CONTAINER_WEB names, else Debian with npm."""
        return self._image(WEB, "CONTAINER_WEB", lambda: self._make(WEB, "ca-certificates,npm"))

    def _image(self, name: str, variable: str, make: Callable[[], None]) -> str:
        """An image by the name that the builds know it by: the one that a variable names, else one made here, once."""
        if given := os.environ.get(variable):
            if not self._has(given):
                self.run("podman", "pull", given)
            self.run("podman", "tag", given, name)
        elif not self._has(name):
            make()
        return name

    def _has(self, image: str) -> bool:
        return self.run("podman", "image", "exists", image, check=False).returncode == 0

    def _make_base(self) -> None:
        """It has to look like the usual image of Python for the file that BentoML generates."""
        hooks = ['rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED', 'ln -s python3 "$1"/usr/bin/python']
        self._make(BASE, "ca-certificates,python3-minimal,libpython3-stdlib,python3-venv,python3-pip", *hooks)

    def _make(self, image: str, packages: str, *hooks: str) -> None:
        """An image of Debian with some packages."""
        archive = self.folder / "base.tar"
        options = ["--variant=minbase", f"--include={packages}", *(f"--customize-hook={hook}" for hook in hooks)]
        options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
        options += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        self.run("mmdebstrap", *options, "bookworm", str(archive))
        path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.run("podman", "import", "--change", path, str(archive), image)
        archive.unlink()

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The root file system of an image, to be read."""
        container = self.run("buildah", "from", "--pull-never", image).stdout.strip()
        try:
            yield Path(self.run("buildah", "mount", container).stdout.strip())
        finally:
            self.run("buildah", "rm", container)

    @contextmanager
    def serving(
        self, image: str, *options: str, workers: int = 1, command: tuple[str, ...] | None = None
    ) -> Iterator["Container"]:
        """A container that answers on loopback, from when it is ready to the end of the block.

        command: instead of `serve`, with {port} where the port is to stand. Raises NotReady.
        """
        name, port = f"digits-test-{uuid.uuid4().hex[:8]}", free_port()
        said = command or ("serve", "--host=127.0.0.1", "--port={port}", f"--workers={workers}")
        run = ["podman", "run", f"--name={name}", *options, image, *(part.format(port=port) for part in said)]
        try:
            with started(run, port, environment=self.environment, folder=self.folder, within_s=90) as server:
                yield Container(self, name, server)
        finally:
            self.run("podman", "rm", "--force", "--time=0", name, check=False)

    def with_certificates(self) -> "Engine":
        """For builds whose files are not ours: every build step sees the certificates that this process is told of."""
        bundle = os.environ.get("SSL_CERT_FILE")
        if not bundle:
            return self
        pip, uv = self.folder / "pip.conf", self.folder / "uv.toml"
        inside = "/etc/ssl/certs/ca-certificates.crt"
        pip.write_text(f"[global]\ncert = {inside}\n")
        uv.write_text("native-tls = true\n")
        volumes = [f"{bundle}:{inside}:ro", f"{pip}:/etc/pip.conf:ro", f"{uv}:/etc/uv/uv.toml:ro"]
        return replace(self, environment=self.environment | _settings(self.folder / "building", volumes))


@dataclass(frozen=True)
class Container:
    """A running container."""

    engine: Engine
    name: str
    server: Started

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return self.server.url

    def pid(self) -> int:
        """Its first process, as this machine numbers it."""
        return int(self.state()["Pid"])

    def state(self) -> dict[str, Any]:
        """Whether it runs, and how it ended."""
        return dict(self.engine.inspect(self.name)["State"])

    def python(self, code: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python in it: there is nothing else in it that could be run."""
        return self.engine.run("podman", "exec", self.name, "python", "-c", code, check=check)


def engine() -> Engine:
    """The engine of this working tree."""
    folder = Path(os.environ.get("CONTAINER_FOLDER") or ROOT / "build" / "container")
    folder.mkdir(parents=True, exist_ok=True)
    storage = folder / "storage.conf"
    storage.write_text(f'[storage]\ndriver="overlay"\ngraphroot="{folder}/storage"\nrunroot="{folder}/run"\n')
    return Engine(folder, os.environ | {"CONTAINERS_STORAGE_CONF": str(storage)} | _settings(folder / "running", []))


def _settings(folder: Path, volumes: list[str]) -> dict[str, str]:
    """podman's own settings ask for more open files than root may have in a container, and for systemd."""
    folder.mkdir(exist_ok=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 16384 if most == resource.RLIM_INFINITY else min(most, 16384)
    file = folder / "containers.conf"
    file.write_text(
        f'[containers]\ndefault_ulimits=["nofile={files}:{files}","nproc=4096:4096"]\nvolumes={json.dumps(volumes)}\n'
        + ('netns="host"\n' if volumes else "")
        + '[engine]\ncgroup_manager="cgroupfs"\nruntime="runc"\nevents_logger="file"\n'
        + '[network]\nnetwork_backend="netavark"\n'
    )
    return {"CONTAINERS_CONF": str(file)}


def _revision() -> str:
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


def clean_up(used: Engine) -> None:
    """Leave the images for the next run, and nothing that is mounted."""
    used.run("buildah", "rm", "--all", check=False)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{used.folder}/")), reverse=True):
        used.run("umount", mount, check=False)
