"""The overlay cpu as it is applied, run by podman, which finds the Deployment in it and makes the pod that it describes.

One thing is left out, the container's `ports`: podman would publish them, and here is no network to do so on. The pod's own
has nothing but a loopback, and the tests go into it to ask. The image is tagged as the manifest names it.

Of what the manifests say podman 4.3.1 does some otherwise, which is not judged here. /tmp is a volume on the disk, not in
memory, and without a limit. The liveness probe becomes a health check that wants a shell and curl; where systemd runs it, it
fails, but not six times in the seconds that a pod lives. SIGTERM comes without preStop before it, and SIGKILL 10 s later.
Other kinds of object, fsGroup, spread and roll-outs are passed over.
"""

import copy
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import started
import tools
import yaml
from confined import Confinement, confinement_of, mounts_of
from containers import ROOT, CommandFailed, Engine

pytestmark = pytest.mark.container

STATUS = "import sys, httpx; print(httpx.get(sys.argv[1], trust_env=False).status_code)"


@dataclass(frozen=True)
class Pod:
    """What podman runs, and the manifest that it was given."""

    engine: Engine
    spec: dict[str, Any]
    """Of the Deployment's template, with `ports`."""
    file: Path
    name: str
    """What podman calls its container."""

    @property
    def container(self) -> dict[str, Any]:
        (only,) = self.spec["containers"]
        return dict(only)

    def pid(self) -> int:
        return int(self.engine.inspect(self.name)["State"]["Pid"])

    def beside(self, *command: str) -> str:
        """What a program of this system prints that has the pod's network instead of its own. Raises CommandFailed."""
        return self.engine.run("nsenter", f"--target={self.pid()}", "--net", *command, cwd=ROOT).stdout

    def url(self, port: str = "http") -> str:
        (number,) = (one["containerPort"] for one in self.container["ports"] if one["name"] == port)
        return f"http://127.0.0.1:{number}"

    def probed(self, probe: str) -> bool:
        """What a kubelet would make of a probe now."""
        asked = self.container[probe]["httpGet"]
        try:
            status = self.beside(sys.executable, "-c", STATUS, self.url(asked["port"]) + asked["path"])
        except CommandFailed:  # nobody listens
            return False
        return 200 <= int(status) < 400


def left(engine: Engine) -> list[str]:
    """Everything that can be left behind but images."""
    lists = (("pod", "ps"), ("ps", "--all"), ("volume", "ls"))
    found = [line for one in lists for line in engine.run("podman", *one, "--noheading").stdout.splitlines()]
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    own = tuple(f"{engine.folder}/storage/{name}/" for name in ("overlay", "overlay-containers"))
    return found + [mount for mount in mounts if mount.startswith(own)]


@pytest.fixture
def pod(engine: Engine, image: str, tmp_path: Path) -> Iterator[Pod]:
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / "cpu"
    objects = list(yaml.safe_load_all(engine.run(tools.kubectl(), "kustomize", str(overlay)).stdout))
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    spec = copy.deepcopy(deployment["spec"]["template"]["spec"])
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    del container["ports"]
    file = tmp_path / "applied.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    tag = f"localhost/{container['image']}"
    engine.run("podman", "tag", image, tag)
    try:
        *_, name = engine.run("podman", "kube", "play", "--network=none", str(file)).stdout.split()
        yield Pod(engine, spec, file, name)
    finally:
        engine.run("podman", "kube", "down", str(file), check=False)
        engine.run("podman", "untag", image, tag)


@pytest.fixture
def ready(pod: Pod) -> Pod:
    """When its startup probe says so, in the time that the probe gives it."""
    startup = pod.container["startupProbe"]
    until = time.monotonic() + startup["periodSeconds"] * startup["failureThreshold"]
    while not pod.probed("startupProbe"):
        assert time.monotonic() < until
        time.sleep(startup["periodSeconds"])
    return pod


def test_it_answers_its_probes_and_reads_real_pictures(ready: Pod, tmp_path: Path) -> None:
    assert ready.probed("readinessProbe")
    assert ready.probed("livenessProbe")
    rows = tmp_path / "answers.csv"
    ready.beside(*started.DIGITS, "predict", "tests/pictures", "--server", ready.url(), "--output", str(rows))
    with rows.open(newline="") as file:
        assert {Path(row["source"]).stem: row["digit"] for row in csv.DictReader(file)} == {
            str(digit): str(digit) for digit in range(10)
        }
    assert "all the same" in ready.beside(*started.DIGITS, "verify", ready.url(), "--models", str(ROOT / "models"))


def test_it_is_confined_as_its_manifest_says(ready: Pod) -> None:
    user, own = ready.spec["securityContext"], ready.container["securityContext"]
    asked = Confinement(
        uids=frozenset({user["runAsUser"]}),
        gids=frozenset({user["runAsGroup"]}),
        capabilities=0 if own["capabilities"] == {"drop": ["ALL"]} else -1,
        may_gain_privileges=own["allowPrivilegeEscalation"],
        calls_are_filtered=user["seccompProfile"] == {"type": "RuntimeDefault"},
        root_is_read_only=own["readOnlyRootFilesystem"],
    )
    pids = started.tree(ready.pid())
    assert len(pids) == 1 + int(ready.container["resources"]["requests"]["cpu"])
    assert [confinement_of(pid) for pid in pids] == [asked] * len(pids)
    assert "rw" in mounts_of(pids[0])[ready.container["volumeMounts"][0]["mountPath"]]
    memory = ready.container["resources"]["limits"]["memory"]
    assert f"{ready.engine.inspect(ready.name)['HostConfig']['Memory'] // 2**20}Mi" == memory


def test_kube_down_ends_it_and_leaves_nothing(ready: Pod) -> None:
    pids = started.tree(ready.pid())
    assert pids
    assert left(ready.engine)
    ready.engine.run("podman", "kube", "down", str(ready.file))
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert left(ready.engine) == []
