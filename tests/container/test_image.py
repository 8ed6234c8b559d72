"""What is in the image, and what is not."""

import json
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path

import pytest
from containers import ROOT, Engine
from packaging.requirements import Requirement

pytestmark = pytest.mark.container

MOST_BYTES = 480_000_000
PAPERS = "usr/share/doc/digits"


def installed(root: Path) -> dict[str, str]:
    """Distributions and their versions, by what lies in the image."""
    files = root.glob("opt/digits/lib/python3*/site-packages/*.dist-info/METADATA")
    told = [HeaderParser().parsestr(file.read_text(encoding="utf-8")) for file in files]
    return {one["Name"].lower().replace("_", "-"): one["Version"] for one in told}


def test_it_is_small(engine: Engine, image: str) -> None:
    assert engine.inspect(image)["Size"] <= MOST_BYTES


def test_it_says_how_it_wants_to_be_run(engine: Engine, image: str) -> None:
    told = engine.inspect(image)
    config = told["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert config["Entrypoint"] == ["digits"]
    assert told["Healthcheck"]["Test"][0] == "CMD"  # not CMD-SHELL
    assert {f"org.opencontainers.image.{name}" for name in ("title", "licenses", "version", "revision")} <= config[
        "Labels"
    ].keys()


def test_there_is_no_shell_no_package_manager_and_nothing_that_may_become_root(engine: Engine, image: str) -> None:
    with engine.mounted(image) as root:
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        (interpreter,) = (path for path in root.glob("usr/**/bin/*") if path.is_file() and not path.is_symlink())
        assert interpreter.name.startswith("python3")
        assert not [
            path for path in files if path.name in {"sh", "bash", "dash", "busybox", "apt", "dpkg", "pip", "pip3", "perl"}
        ]
        assert not [path for path in files if path.stat().st_mode & 0o6000]
        assert not [path for path in files if path.stat().st_mode & 0o002 or path.stat().st_uid]


def test_it_holds_what_the_lock_names_and_nothing_else(engine: Engine, image: str) -> None:
    lines = (ROOT / "requirements" / "container.txt").read_text().splitlines()
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line[0] != " "]
    locked = {pin.name: next(iter(pin.specifier)).version for pin in pins if pin.marker is None or pin.marker.evaluate()}
    with engine.mounted(image) as root:
        found = installed(root)
    assert found.pop("digits")
    assert found == locked
    assert "torch" not in found


def test_its_modules_are_compiled_so_that_a_start_compiles_nothing(engine: Engine, image: str) -> None:
    with engine.mounted(image) as root:
        sites = list(root.glob("opt/digits/lib/python3*/site-packages"))
        compiled = {path.parent.parent / f"{path.name.split('.')[0]}.py" for path in sites[0].rglob("__pycache__/*.pyc")}
        assert set(sites[0].glob("serving/**/*.py")) <= compiled
        first = next(sites[0].glob("serving/__pycache__/settings.*.pyc")).read_bytes()[4:8]
        assert first == b"\x01\0\0\0"  # PEP 552: by hash, and never compared


def test_the_bill_of_materials_is_valid_and_names_all_that_is_installed(engine: Engine, image: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    with engine.mounted(image) as root:
        text = (root / PAPERS / "sbom.cdx.json").read_text(encoding="utf-8")
        licences = (root / PAPERS / "licences.txt").read_text(encoding="utf-8")
        found = installed(root)
    for name, content in (("sbom.cdx.json", text), ("licences.txt", licences)):
        (engine.folder / name).write_text(content, encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    listed = [bill["metadata"]["component"], *bill["components"]]
    assert {one["name"]: one["version"] for one in listed if one.get("purl", "").startswith("pkg:pypi/")} == found
    assert {"libc6", "libssl3", "ca-certificates"} <= {
        one["name"] for one in listed if one.get("purl", "").startswith("pkg:deb/")
    }
    web = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]
    assert {one["name"]: one["version"] for one in listed if one.get("purl", "").startswith("pkg:npm/")} == web
    models = {path.parent.name for path in (ROOT / "models").glob("*/model.onnx")}
    assert {one["name"] for one in listed if one["type"] == "machine-learning-model"} == models
    assert {line.split()[0] for line in licences.splitlines()} == {one["name"] for one in listed}


def test_building_it_twice_gives_the_same_layers(engine: Engine, image: str) -> None:
    again = engine.build(f"{image}:again", "--layers", "--no-cache")
    try:
        assert engine.inspect(again)["RootFS"]["Layers"] == engine.inspect(image)["RootFS"]["Layers"]
    finally:
        engine.run("podman", "rmi", again)


def test_every_library_has_a_wheel_for_arm64_too(tmp_path: Path) -> None:
    platforms = [f"--platform=manylinux{kind}_aarch64" for kind in ("2014", "_2_17", "_2_27", "_2_28", "_2_34")]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--target", str(tmp_path), "--only-binary=:all:"]
    pip += [
        *platforms,
        "--python-version=3.11",
        "--implementation=cp",
        "--no-deps",
        "--ignore-installed",
        "--require-hashes",
    ]
    subprocess.run([*pip, "-r", str(ROOT / "requirements" / "container.txt")], check=True)
