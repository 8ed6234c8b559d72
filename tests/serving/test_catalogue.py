import hashlib
import json
import shutil
from pathlib import Path

import pytest

from serving.card import read_card
from serving.catalogue import ModelRefused, load_catalogue, load_model

COMMITTED = Path(__file__).parents[2] / "models" / "convnet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(COMMITTED, tmp_path / "models" / "convnet", ignore=shutil.ignore_patterns("*.ts"))
    return tmp_path / "models" / "convnet"


def change_card(folder: Path, **values: object) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_card_read_back_is_the_card_written() -> None:
    path = COMMITTED / "card.json"
    assert read_card(path).to_json() == path.read_text()


def test_the_committed_model_names_itself_in_its_onnx_file() -> None:
    path = COMMITTED
    assert json.dumps(read_card(path / "card.json").commit).encode() in (path / "model.onnx").read_bytes()


def test_a_model_whose_file_is_not_the_proved_one_is_refused(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelRefused, match="not the file that its card proves"):
        load_model(folder)


def test_a_missing_model_file_is_named(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelRefused, match="model.onnx: No such file"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract": 2}, "contract 2"),
        ({"name": "other"}, "its folder is 'convnet'"),
        ({"reading": "upside down"}, "unknown reading"),
        ({"classes": []}, "no list of 10 class names"),
        ({"classes": ["0"]}, "no list of 10 class names"),
        ({"test": {}}, "no test accuracy"),
        ({"onnx_sha256": "abc"}, "no sha256"),
        ({"surprise": 1}, "unknown keys .'surprise'."),
    ],
)
def test_a_card_that_breaks_the_contract_is_refused(folder: Path, change: dict[str, object], message: str) -> None:
    change_card(folder, **change)
    with pytest.raises(ModelRefused, match=message):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\x00"])
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    with pytest.raises(ModelRefused, match="card.json"):
        load_model(folder)


def test_a_file_that_is_no_model_is_refused_even_if_its_card_agrees(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model")
    change_card(folder, onnx_sha256=hashlib.sha256(b"not a model").hexdigest())
    with pytest.raises(ModelRefused, match="cannot be loaded by onnxruntime"):
        load_model(folder)


def test_one_refused_model_does_not_keep_the_others_from_serving(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "copy")
    catalogue = load_catalogue(folder.parent)
    assert list(catalogue.models) == ["convnet"]
    assert catalogue.refused["copy"] == "copy/card.json names its model 'convnet', but its folder is 'copy'"
    with pytest.raises(ModelRefused, match="its folder is 'copy'"):
        catalogue.get("copy")


def test_a_folder_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="holds no models"):
        load_catalogue(tmp_path)
    with pytest.raises(ModelRefused, match="is not a folder of models"):
        load_catalogue(tmp_path / "missing")
