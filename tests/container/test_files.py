"""What of the image can be told without building it, and that a run without the tools says so."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from containers import ROOT

REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("container*.txt"))


def pinned(lock: str) -> dict[str, str]:
    """Versions by name, as they are on Linux and Python 3.11."""
    from packaging.requirements import Requirement

    lines = (REQUIREMENTS / lock).read_text().splitlines()
    pins = [Requirement(line.split("#")[0].rstrip(" \\")) for line in lines if line[0] not in " #"]
    here = {"python_full_version": "3.11.2", "python_version": "3.11", "sys_platform": "linux", "platform_machine": "x86_64"}
    return {pin.name: str(pin.specifier) for pin in pins if pin.marker is None or pin.marker.evaluate(here)}


def test_the_image_has_the_versions_that_the_service_is_tested_with() -> None:
    assert pinned("container.txt") == pinned("serve.txt")


def test_cuda_changes_nothing_but_the_runtime() -> None:
    plain, cuda = pinned("serve.txt"), pinned("container-gpu.txt")
    assert cuda["onnxruntime-gpu"] == plain.pop("onnxruntime")
    assert plain.items() <= cuda.items()
    assert "onnxruntime" not in cuda


def test_training_has_the_versions_that_it_is_tested_with() -> None:
    assert pinned("container-train.txt").items() <= pinned("dev.txt").items()


def test_every_pin_of_an_image_has_its_hashes() -> None:
    assert len(LOCKS) == 4
    for lock in LOCKS:
        for pin in re.split(r"\n(?=\S)", (REQUIREMENTS / lock).read_text().strip()):
            assert "--hash=sha256:" in pin, f"{lock}: {pin}"


def test_the_image_and_its_build_say_what_pyproject_says() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f'image.version="{pyproject["project"]["version"]}"' in (ROOT / "Dockerfile").read_text()
    wanted = (REQUIREMENTS / "container-build.in").read_text().splitlines()
    assert [line for line in wanted if not line.startswith("#")] == pyproject["build-system"]["requires"]


@pytest.mark.parametrize("required", [False, True])
def test_where_the_tools_are_missing_it_is_said_loudly_and_fails_if_they_must_be_there(
    tmp_path: Path, *, required: bool
) -> None:
    environment = os.environ | {"PATH": str(tmp_path), "CONTAINER_FOLDER": str(tmp_path)}
    environment.pop("REQUIRE_CONTAINERS", None)
    if required:
        environment["REQUIRE_CONTAINERS"] = "1"
    pytest_ = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "container", "-k", "it_is_small"]
    told = subprocess.run(
        [*pytest_, "tests/container/test_image.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == int(required), told.stdout
    assert "container: the container image was neither built nor run: " in told.stdout
    assert ("1 error" if required else "1 skipped") in told.stdout
