"""The boundary between serving and training, and what is shipped: the locks, the wheel, the bento."""

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import started
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]


def pins(lock: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    return [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]


def version_of(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "=="
    return specifier.version


def test_each_lock_pins_what_pyproject_asks_for() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    everything = BASE + [Requirement(line) for name in ("train", "dev") for line in extras[name]]
    for lock, wanted in (("serve.txt", BASE), ("dev.txt", everything)):
        for requirement in wanted:
            if requirement.name == "digits":
                continue
            versions = [version_of(pin) for pin in pins(lock) if pin.name == requirement.name]
            assert versions, f"{requirement.name} is not in {lock}"
            assert all(requirement.specifier.contains(version) for version in versions)


def test_both_locks_agree_wherever_they_overlap() -> None:
    both = {pin.name for pin in pins("serve.txt")}
    serve, dev = (
        {(pin.name, str(pin.specifier)) for pin in pins(lock) if pin.name in both} for lock in ("serve.txt", "dev.txt")
    )
    assert serve == dev


def test_the_base_lock_holds_nothing_of_training() -> None:
    assert not {pin.name for pin in pins("serve.txt")} & {"torch", "torchvision", "onnx", "onnxscript"}


def test_the_bento_installs_exactly_the_base_dependencies_and_what_they_need() -> None:
    assert 'requirements_txt: "./requirements/serve.txt"' in (ROOT / "bentofile.yaml").read_text()
    here = {canonicalize_name(pin.name) for pin in pins("serve.txt") if pin.marker is None or pin.marker.evaluate()}
    assert here == closure(BASE)


def closure(requirements: list[Requirement]) -> set[str]:
    """Every distribution that these need here, by what the installed ones say of themselves."""
    found: set[tuple[str, str]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ["", *requirement.extras]:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            needs = map(Requirement, metadata.requires(name) or [])
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def test_the_readmes_tree_is_the_folders() -> None:
    readme = (ROOT / "README.md").read_text()
    for room in ("training", "serving"):
        for path in (ROOT / room).iterdir():
            if path.name.startswith(("_", ".")):
                continue
            assert re.search(rf"\b{re.escape(path.name)}", readme), f"{room}/{path.name} is not in the README's tree"


def serve_and_ask(command: list[str], folder: Path, environment: dict[str, str], digit: bytes) -> dict[str, object]:
    """Start a command that serves, POST one picture, stop it."""
    port = started.free_port()
    with started.started([*command, "--port", str(port)], port, environment=environment, folder=folder) as server:
        response = httpx.post(server.url + "/predict", files={"f": ("a.png", digit)})
    told: dict[str, object] = response.json()["predictions"][0]
    return told


@pytest.mark.slow
def test_the_bento_builds_holds_no_training_and_answers(tmp_path: Path, digits: list[bytes]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DIGITS_", "BENTOML_"))}
    environment |= {"BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    bentoml = [sys.executable, "-m", "bentoml"]
    built = subprocess.run(
        [*bentoml, "build", "-o", "tag"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    tag = built.stdout.strip().removeprefix("__tag__:")
    source = tmp_path / "home" / "bentos" / tag.replace(":", "/") / "src"
    shipped = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {"serving/service.py", "models/convnet/model.onnx", "models/convnet/card.json"} <= shipped
    page = {str(path.relative_to(ROOT)) for path in (ROOT / "serving" / "page").rglob("*") if path.suffix in {".js", ".gz"}}
    assert page <= shipped
    assert not [
        name for name in shipped if name.startswith(("training", "tests", "benchmarks")) or name.endswith((".ts", ".npz"))
    ]
    requirements = (source.parent / "env" / "python" / "requirements.txt").read_text()
    assert "\nonnxruntime==" in requirements
    assert "\ntorch==" not in requirements
    told = serve_and_ask([*bentoml, "serve", tag], tmp_path, environment, digits[7])
    assert told["digit"] == 7


@pytest.mark.wheel
@pytest.mark.slow
def test_the_wheel_works_elsewhere_without_torch(tmp_path: Path, digits: list[bytes]) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", tmp_path, ROOT], check=True, capture_output=True, text=True
    )  # the wheel of the source distribution
    (wheel,) = tmp_path.glob("digits-*.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "serving" / "page").rglob("*.*")} <= set(packed)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", ROOT / "requirements" / "serve.txt"]
    subprocess.run(install, check=True, capture_output=True, text=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True, capture_output=True, text=True
    )
    installed = json.loads(subprocess.check_output([python, "-m", "pip", "list", "--format", "json"], text=True))
    assert not {package["name"] for package in installed} & {"torch", "torchvision", "onnx", "onnxscript"}

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.png").write_bytes(digits[7])
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DIGITS_")}
    digits_command = tmp_path / "env" / "bin" / "digits"
    subprocess.run(
        [digits_command, "predict", "a.png", "-o", "out.csv"],
        cwd=elsewhere,
        env=environment,
        check=True,
        capture_output=True,
    )
    assert (elsewhere / "out.csv").read_text().splitlines()[1].startswith("a.png,digit,7,7,")
    assert serve_and_ask([str(digits_command), "serve"], elsewhere, environment, digits[4])["digit"] == 4

    missing = subprocess.run(
        [tmp_path / "env" / "bin" / "digits-train"], capture_output=True, text=True, check=False, env=environment
    )
    assert missing.returncode == 2
    assert "pip install 'digits[train]'" in missing.stderr

    # The tests of serving, against the wheel and without torch: all can be imported but those that need tools of their own,
    # and those run that need the package's files or take libraries that may be missing.
    tools = ("hard_to_hurt", "openapi", "openinference", "tracing")
    run = ("catalogue", "cluster", "every_model", "http", "report", "runtime", "service", "settings", "verify")
    needed = [str(pin) for pin in pins("dev.txt") if pin.name in {"pytest", "hypothesis", "httpx"}]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True, capture_output=True, text=True)
    tests = ROOT / "tests" / "serving"
    ignored = [f"--ignore={tests / f'test_{name}.py'}" for name in tools]
    for what in (["--collect-only", tests, *ignored], [tests / f"test_{name}.py" for name in run]):
        tested = subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *what],
            capture_output=True, text=True, check=False, cwd=elsewhere, env=environment,
        )  # fmt: skip
        assert tested.returncode == 0, tested.stdout
