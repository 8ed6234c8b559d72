"""Which library runs a model and where: that it is said, refused clearly, and agrees with what was proved."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from started import DIGITS

from serving.catalogue import ModelRefused, load_model
from serving.reading import Limits, read
from serving.runtime import ModelUnusable, Session
from serving.runtime.choose import EPS, distance, made_pictures
from serving.settings import DEFAULT_MODEL, Backend, SettingInvalid, from_environment

MODELS = Path(__file__).parents[2] / "models"
DEFAULT = MODELS / DEFAULT_MODEL
PICTURES = Path(__file__).parents[1] / "pictures"
HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
TORCHSCRIPT, OPENVINO = Backend("torchscript"), Backend("openvino")
WHOLE_NUMBERS = "convnet_batchnorm_int8"

without_cuda = pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime was built for CUDA")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "models" / DEFAULT_MODEL))


def test_a_session_says_what_runs_it_and_where() -> None:
    session = load_model(DEFAULT, Backend(device="cpu")).session
    assert (session.library, session.device) == (f"onnxruntime {onnxruntime.__version__}", "cpu")


def test_a_session_gives_the_same_rows_whatever_else_is_held_open_and_run() -> None:
    pictures = made_pictures()
    first = load_model(DEFAULT).session
    alone = first.rows(pictures)
    others = [load_model(MODELS / name).session for name in ("convnet", "convnet_batchnorm", "lab_cnn")]
    for count in (1, 7, 64):
        for other in others:
            other.rows(pictures[:count])
        np.testing.assert_array_equal(first.rows(pictures[:count]), alone[:count])


def test_a_model_is_loaded_where_no_file_can_be_had_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_name: str) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    expected = load_model(DEFAULT).session.rows(made_pictures())
    monkeypatch.setattr(os, "memfd_create", full, raising=False)
    np.testing.assert_array_equal(load_model(DEFAULT).session.rows(made_pictures()), expected)


@without_cuda
def test_auto_is_the_cpu_where_there_is_no_cuda() -> None:
    assert load_model(DEFAULT, Backend(device="auto")).session.device == "cpu"


@without_cuda
@pytest.mark.parametrize(
    "command",
    [["serve", "--port", "0"], ["predict", str(PICTURES), "-o", "out.csv"], ["evaluate", str(PICTURES)]],
    ids=lambda command: command[0],
)
def test_cuda_that_is_asked_for_and_not_there_is_refused_in_a_sentence(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DIGITS, *command, "--device", "cuda", "--models", str(MODELS)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{DEFAULT_MODEL}/model.onnx cannot be run by CUDA: onnxruntime" in done.stderr
    assert "was built without it, onnxruntime-gpu has it" in done.stderr
    assert "Traceback" not in done.stderr


@without_cuda
def test_a_session_that_fell_back_to_the_cpu_is_not_taken_for_one_by_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.runtime.onnx._is_built_for_cuda", lambda: True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # onnxruntime's, of the provider that it goes on without
        with pytest.raises(ModelRefused, match="has it, but cannot use it on this machine"):
            load_model(DEFAULT, Backend(device="cuda"))
        assert load_model(DEFAULT, Backend(device="auto")).session.device == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="this onnxruntime was not built for CUDA")
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_cuda_answers_within_the_proofs_tolerance(device: Any) -> None:
    proved, model = load_model(DEFAULT).session, load_model(DEFAULT, Backend(device=device))
    assert model.session.device == "cuda"
    assert distance(model.session, proved) <= model.card.proof["onnx"]["tolerance_eps"]


def test_torchscript_answers_within_the_proofs_tolerance(digits: list[bytes]) -> None:
    pytest.importorskip("torch")
    model, proved = load_model(DEFAULT, TORCHSCRIPT), load_model(DEFAULT).session
    assert (model.session.library.split()[0], model.session.device) == ("torch", "cpu")
    assert model.session.has_evidence
    pictures = np.stack([read(data, "digit", Limits()).picture for data in digits])
    for count in (1, 2, 7, 10):
        outputs = zip(model.session.outputs(pictures[:count]), proved.outputs(pictures[:count]), strict=True)
        for got, exact in outputs:
            assert np.abs(got - exact).max() <= model.card.proof["torchscript"]["tolerance_eps"] * EPS * np.abs(exact).max()
    rows = model.session.rows(pictures)
    assert rows[:, :10].argmax(1).tolist() == list(range(10))
    np.testing.assert_array_equal(rows[:, :10], model.session.probabilities(pictures))


def test_torchscript_takes_pictures_that_nobody_may_write_to() -> None:
    pytest.importorskip("torch")
    session, pictures = load_model(DEFAULT, TORCHSCRIPT).session, made_pictures()
    frozen = np.frombuffer(pictures.tobytes(), np.uint8).reshape(pictures.shape)
    np.testing.assert_array_equal(session.rows(frozen), session.rows(pictures))


def refused(folder: Path, backend: Backend = TORCHSCRIPT) -> str:
    with pytest.raises(ModelRefused) as caught:
        load_model(folder, backend)
    assert str(folder.parent) not in str(caught.value)
    return str(caught.value)


def test_a_model_without_torchscript_is_refused_and_the_file_named(folder: Path) -> None:
    (folder / "model.ts").unlink()
    assert refused(folder) == f"{DEFAULT_MODEL}/model.ts: No such file or directory"


def test_without_torch_its_runtime_is_refused_and_the_extra_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert refused(folder) == f"{DEFAULT_MODEL}/model.ts needs torch, which is not installed: pip install 'digits[train]'"


def test_torchscript_by_cuda_is_refused(folder: Path) -> None:
    assert "runs on the CPU alone here" in refused(folder, Backend("torchscript", "cuda"))


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_torchscript_file_is_refused(content: bytes, folder: Path) -> None:
    pytest.importorskip("torch")
    (folder / "model.ts").write_bytes(content)
    assert refused(folder) == f"{DEFAULT_MODEL}/model.ts cannot be loaded by torch"


def test_torchscript_that_its_card_does_not_prove_is_refused(folder: Path) -> None:
    pytest.importorskip("torch")
    card = json.loads((folder / "card.json").read_text())
    del card["proof"]["torchscript"]
    (folder / "card.json").write_text(json.dumps(card))
    assert refused(folder) == f"{DEFAULT_MODEL}/model.ts has no proof in its card as torchscript"


@pytest.mark.parametrize("name", [DEFAULT_MODEL, WHOLE_NUMBERS])
def test_openvino_answers_within_the_proofs_tolerance_alone_and_in_a_batch(name: str, digits: list[bytes]) -> None:
    pytest.importorskip("openvino")
    model, proved = load_model(MODELS / name, OPENVINO), load_model(MODELS / name).session
    assert (model.session.library.split()[0], model.session.device) == ("openvino", "cpu")
    assert model.session.has_evidence == proved.has_evidence
    pictures = np.stack([read(data, "digit", Limits()).picture for data in digits])
    exact = proved.outputs(pictures)
    for count in (1, 2, 7, 10):
        for got, wanted in zip(model.session.outputs(pictures[:count]), exact, strict=True):
            allowed = model.card.proof["onnx"]["tolerance_eps"] * EPS * np.abs(wanted).max()
            assert np.abs(got - wanted[:count]).max() <= allowed
    assert model.session.rows(pictures)[:, :10].argmax(1).tolist() == list(range(10))


def test_openvino_is_asked_by_several_threads_at_once() -> None:
    pytest.importorskip("openvino")
    session, pictures = load_model(DEFAULT, OPENVINO).session, made_pictures()
    exact = session.rows(pictures)
    with ThreadPoolExecutor(4) as pool:
        for place, rows in enumerate(pool.map(lambda place: session.rows(pictures[place : place + 1]), range(64))):
            np.testing.assert_allclose(rows, exact[place : place + 1], rtol=1e-5, atol=1e-6)


def test_without_openvino_its_runtime_is_refused_and_the_extra_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    told = f"{DEFAULT_MODEL}/model.onnx needs OpenVINO, which is not installed: pip install 'digits[openvino]'"
    assert refused(folder, OPENVINO) == told


def test_openvino_by_cuda_is_refused(folder: Path) -> None:
    assert "runs on the CPU alone here" in refused(folder, Backend("openvino", "cuda"))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" + bytes(100)])
def test_a_file_that_openvino_cannot_load_is_refused(content: bytes) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(ModelUnusable, match=r"model\.onnx cannot be loaded by OpenVINO"):
        Session(Path("model.onnx"), content=content, library="openvino")


@pytest.mark.parametrize("factor", [1.0, 0.71])
def test_whole_numbers_whose_steps_are_no_powers_of_two_are_refused(factor: float, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    folder = Path(shutil.copytree(MODELS / WHOLE_NUMBERS, tmp_path / "models" / WHOLE_NUMBERS))
    changed, card = onnx.load(folder / "model.onnx"), json.loads((folder / "card.json").read_text())
    for step in (one for one in changed.graph.initializer if one.name.endswith(".step")):
        power = 2 if step.name.endswith(".bias.step") else 1  # it is the product of the others
        values = onnx.numpy_helper.to_array(step) * np.float32(factor**power)
        step.CopyFrom(onnx.numpy_helper.from_array(values, step.name))
    content = changed.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    (folder / "card.json").write_text(json.dumps(card | {"onnx_sha256": hashlib.sha256(content).hexdigest()}))
    if factor == 1:
        assert load_model(folder).session.library.startswith("onnxruntime ")
    else:
        assert "is not the function that its card proves" in refused(folder, Backend())


def with_weights(path: Path, change: Callable[[npt.NDArray[np.float32]], None]) -> None:
    """Change the largest tensor of a TorchScript file, which is a zip archive of them and of what is done with them."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = max(members, key=lambda name: len(members[name]) if "/constants/" in name else 0)
    values = np.frombuffer(members[name], np.float32).copy()
    change(values)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in (members | {name: values.tobytes()}).items():
            archive.writestr(member, content)


@pytest.mark.parametrize("factor", [1.0, 1.001, float("nan")])
def test_torchscript_is_served_only_if_it_is_the_function_that_its_card_proves(factor: float, folder: Path) -> None:
    pytest.importorskip("torch")

    def multiply(values: npt.NDArray[np.float32]) -> None:
        values *= factor

    with_weights(folder / "model.ts", multiply)
    if factor == 1:
        assert load_model(folder, TORCHSCRIPT).session.library.startswith("torch ")
    else:
        assert "is not the function that its card proves" in refused(folder)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch deprecates TorchScript at each use of it
def test_torchscript_with_other_outputs_is_refused(folder: Path) -> None:
    torch = pytest.importorskip("torch")

    class Two(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, images: Any) -> Any:
            scores = images.float().flatten(1)[:, :10]
            return scores.softmax(1), scores

    torch.jit.save(torch.jit.trace(Two(), torch.zeros(2, 28, 28, dtype=torch.uint8)), str(folder / "model.ts"))
    assert "is not the function that its card proves" in refused(folder)


def test_one_weight_that_is_off_by_a_thousandth_is_farther_than_any_proof_allows() -> None:
    onnx = pytest.importorskip("onnx")
    proved = Session(DEFAULT / "model.onnx")
    assert distance(Session(DEFAULT / "model.onnx"), proved) == 0
    changed = onnx.load(DEFAULT / "model.onnx")
    weights = next(one for one in changed.graph.initializer if one.name.endswith("weight") and np.prod(one.dims) > 10_000)
    values = onnx.numpy_helper.to_array(weights).copy()
    values.flat[1000] += 1e-3
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    assert distance(Session(Path("changed.onnx"), content=changed.SerializeToString()), proved) > 64


def test_the_made_pictures_are_the_same_each_time_and_all_different() -> None:
    pictures = made_pictures()
    np.testing.assert_array_equal(pictures, made_pictures())
    assert (pictures.shape, pictures.dtype) == ((64, 28, 28), np.uint8)
    assert len({picture.tobytes() for picture in pictures}) == 64
    assert (pictures.max((1, 2)) > 200).all()


@pytest.mark.parametrize(("name", "allowed"), [("DEVICE", "auto, cpu, cuda"), ("RUNTIME", "onnx, openvino, torchscript")])
def test_a_runtime_or_device_that_there_is_not_is_refused(name: str, allowed: str) -> None:
    with pytest.raises(SettingInvalid, match=f"DIGITS_{name} must be one of {allowed}, not 'abacus'"):
        from_environment({f"DIGITS_{name}": "abacus"})
    assert from_environment({"DIGITS_RUNTIME": "torchscript", "DIGITS_DEVICE": "cpu"}).backend == Backend(
        "torchscript", "cpu"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sessions_that_are_let_go_give_their_memory_back() -> None:
    def megabytes() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    def hold(name: str) -> None:
        load_model(MODELS / name).session.rows(made_pictures())

    for name in ("convnet", "convnet_batchnorm"):
        hold(name)
    before = megabytes()
    for _ in range(10):
        for name in ("convnet", "convnet_batchnorm"):
            hold(name)
    assert megabytes() - before < 25, "20 sessions of 8 to 20 MB have come and gone"
