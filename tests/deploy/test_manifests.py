"""The manifests: a cluster accepts them, they fit the service and each other, and what they run is locked down."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from containers import LOCKED, ROOT

from serving.http.guard import OPEN
from serving.supervision.lifeline import DRAIN_S, GRACE_S, NEWCOMERS_S

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
APPLIED = ("overlays/cpu", "overlays/gpu", "overlays/keys", "batch", "ray")
"""What is applied, and the overlay cpu with API keys, which the tests put together."""
VERSIONS = ("1.30", "1.37")
"""Of Kubernetes: the first that has all of it, and the last that the validator knows."""
OF_OTHERS = {"PrometheusRule", "ServiceMonitor", "RayJob"}
"""Kinds that the validator does not know: their makers define them. What they run is judged as a Pod."""

Object = dict[str, Any]


def written(folder: str) -> list[Object]:
    """The objects in the files of a folder, as they are written."""
    files = sorted((KUBERNETES / folder).glob("*.yaml"))
    found = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    return [one for one in found if one["kind"] != "Kustomization"]


def one_of(kind: str, folder: str = "base") -> Object:
    (found,) = [one for one in written(folder) if one["kind"] == kind]
    return found


def templates(value: Any) -> Iterator[Object]:
    """Every pod template in an object."""
    if isinstance(value, dict):
        if isinstance(value.get("spec"), dict) and "containers" in value["spec"]:
            yield value
        for inner in value.values():
            yield from templates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from templates(inner)


PODS = [
    pytest.param(pod, folder, id=f"{one['kind']}-{number}")
    for folder in ("base", "batch", "ray")
    for one in written(folder)
    for number, pod in enumerate(templates(one))
]


@pytest.fixture(scope="module")
def rendered(kubectl: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    """What is given to a cluster, by what is applied."""
    copy = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(KUBERNETES, copy)
    keys = copy / "overlays/keys"
    keys.mkdir()
    (keys / "kustomization.yaml").write_text("resources: [../cpu]\ncomponents: [../../keys]\n")
    found = {}
    for folder in APPLIED:
        done = subprocess.run([kubectl, "kustomize", copy / folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "deprecated" not in done.stderr
        found[folder] = list(yaml.safe_load_all(done.stdout))
    return found


def judged(validator: str, file: Path, objects: list[Object], version: str) -> subprocess.CompletedProcess[str]:
    file.write_text(yaml.safe_dump_all(objects))
    command = [validator, "--strict", "--kubernetes-version", version, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_knows_every_field(
    validator: str, rendered: dict[str, list[Object]], tmp_path: Path, version: str
) -> None:
    everything = [one for objects in rendered.values() for one in objects]
    known = [one for one in everything if one["kind"] not in OF_OTHERS]
    for one in everything:
        if one["kind"] in OF_OTHERS:
            known += [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **pod} for pod in pods_of(one)]
    done = judged(validator, tmp_path / "all.yaml", known, version)
    told = (done.stdout + done.stderr).splitlines()
    passed = [line for line in told if " passed for resource " in line]
    assert [line for line in told if line not in passed] == []
    assert (done.returncode, len(passed)) == (0, len(known))


def pods_of(one: Object) -> list[Object]:
    return [{"spec": pod["spec"]} for pod in templates(one)]


def test_a_field_that_there_is_not_would_be_found(validator: str, rendered: dict[str, list[Object]], tmp_path: Path) -> None:
    deployment = next(one for one in rendered["overlays/cpu"] if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["readOnlyRootFileSystem"] = True
    assert judged(validator, tmp_path / "typo.yaml", [deployment], VERSIONS[-1]).returncode == 1


def test_what_is_applied_holds_what_it_should(rendered: dict[str, list[Object]]) -> None:
    kinds = {folder: sorted(one["kind"] for one in objects) for folder, objects in rendered.items()}
    service = sorted(one["kind"] for one in written("base"))
    assert len(service) == 8
    assert kinds == {
        "overlays/cpu": service,
        "overlays/gpu": service,
        "overlays/keys": service,
        "batch": ["Job", "NetworkPolicy"],
        "ray": ["NetworkPolicy", "RayJob"],
    }
    for objects in rendered.values():
        for one in objects:
            assert one["metadata"].get("namespace", one["metadata"]["name"]) == "digits"


def test_every_image_is_this_version(rendered: dict[str, list[Object]]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    names = {"overlays/gpu": "digits-gpu", "ray": "digits-ray"}
    for folder, objects in rendered.items():
        images = {each["image"] for one in objects for pod in templates(one) for each in pod["spec"]["containers"]}
        assert images == {f"{names.get(folder, 'digits')}:{version}"}, folder
    assert composed()["image"] == f"digits:{version}"


def test_a_gpu_is_asked_for_and_must_be_used(rendered: dict[str, list[Object]]) -> None:
    deployment = next(one for one in rendered["overlays/gpu"] if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment == {"DIGITS_DEVICE": "cuda", "DIGITS_WORKERS": None}


def test_with_keys_prometheus_has_one_and_the_service_does_not_start_without(rendered: dict[str, list[Object]]) -> None:
    by_kind = {one["kind"]: one for one in rendered["overlays/keys"]}
    pod = by_kind["Deployment"]["spec"]["template"]["spec"]
    (volume,) = [one for one in pod["volumes"] if "secret" in one]
    (container,) = pod["containers"]
    (file,) = [one["value"] for one in container["env"] if one["name"] == "DIGITS_API_KEYS_FILE"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    assert file == f"{mount['mountPath']}/{volume['secret']['items'][0]['path']}"
    assert not volume["secret"].get("optional")
    (endpoint,) = by_kind["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"]["name"] == volume["secret"]["secretName"]


@pytest.mark.parametrize(("pod", "folder"), PODS)
def test_every_pod_is_locked_down(pod: Object, folder: str) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own.get("readOnlyRootFilesystem", False) is (folder != "ray")  # Ray writes where it likes
        assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
        assert container["resources"]["requests"]["cpu"]


def test_every_pod_has_its_network_policy() -> None:
    for folder in ("base", "batch", "ray"):
        (policy,) = [one for one in written(folder) if one["kind"] == "NetworkPolicy"]
        selected = policy["spec"]["podSelector"]["matchLabels"].items()
        pods = [pod for one in written(folder) for pod in templates(one)]
        assert pods
        for pod in pods:
            assert selected <= pod["metadata"]["labels"].items()


def test_the_service_is_given_the_memory_that_it_was_attacked_with() -> None:
    (container,) = one_of("Deployment")["spec"]["template"]["spec"]["containers"]
    (tmp,) = one_of("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert "--memory=512m" in LOCKED
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert container["resources"]["requests"]["cpu"] == "1"  # so many workers
    assert ",size=16m," in " ".join(LOCKED)
    assert tmp["emptyDir"]["sizeLimit"] == "16Mi"


def test_probes_ask_for_what_needs_no_key() -> None:
    (container,) = one_of("Deployment")["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in OPEN
        assert asked["port"] in {port["name"] for port in container["ports"]}


def test_nobody_is_killed_before_all_is_answered() -> None:
    needed = DRAIN_S + 2 * NEWCOMERS_S + GRACE_S
    pod = one_of("Deployment")["spec"]["template"]["spec"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= before + needed
    assert int(composed()["stop_grace_period"].removesuffix("s")) >= needed


def test_everything_points_at_something_that_is_there() -> None:
    deployment, service = one_of("Deployment"), one_of("Service")
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"].items()
    ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert one_of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    for spread in template["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"].items() <= labels
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    (rule,) = one_of("NetworkPolicy")["spec"]["ingress"]
    assert {port["port"] for port in rule["ports"]} <= ports
    monitor = one_of("ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
    target = one_of("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]  # which each `kubectl apply` would set back


def batch_command() -> list[str]:
    (container,) = one_of("Job", "batch")["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


def ray_command() -> list[str]:
    program, *arguments = shlex.split(one_of("RayJob", "ray")["spec"]["entrypoint"])
    assert program == "digits"
    return arguments


@pytest.mark.parametrize("command", [batch_command, ray_command])
def test_a_jobs_command_writes_the_rows(command: Any, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/pictures", tmp_path / "pictures")
    arguments = [one.replace("/data", str(tmp_path)).replace("$(CORES)", "1") for one in command()]
    arguments = ["processes" if one == "ray" else one for one in arguments]  # tests/serving/test_cluster.py has a cluster
    done = subprocess.run([Path(sys.executable).parent / "digits", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert len(rows) == 1 + len(list((tmp_path / "pictures").iterdir()))
    assert (tmp_path / "answers.json").exists()


def composed() -> Object:
    (service,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    return dict(service)


def test_compose_locks_it_down_as_it_was_attacked() -> None:
    service = composed()
    assert service["read_only"] is True
    assert {
        *(f"--tmpfs={one}" for one in service["tmpfs"]),
        *(f"--cap-drop={one.lower()}" for one in service["cap_drop"]),
        *(f"--security-opt={one.removesuffix(':true')}" for one in service["security_opt"]),
        f"--memory={service['mem_limit']}",
        f"--pids-limit={service['pids_limit']}",
    } == {one for one in LOCKED if one.startswith(("--tmpfs", "--cap", "--sec", "--mem", "--pids"))}
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_checks_its_health_as_the_image_does() -> None:
    image = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    (asked,) = re.findall(r'HEALTHCHECK .*CMD \["python", "-c", "(.*)"\]', image)
    assert composed()["healthcheck"]["test"] == ["CMD", "python", "-c", asked]
