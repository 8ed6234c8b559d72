import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from serving.card import OPTIONAL, CardInvalid, Decision, read_card
from serving.catalogue import ModelRefused, load_catalogue, load_model, load_named

COMMITTED = Path(__file__).parents[2] / "models" / "convnet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(COMMITTED, tmp_path / "models" / "convnet", ignore=shutil.ignore_patterns("*.ts"))
    return tmp_path / "models" / "convnet"


def change_card(folder: Path, **values: object) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_committed_card_read_back_is_the_card_written() -> None:
    path = COMMITTED / "card.json"
    assert json.loads(read_card(path).to_json()) == dict.fromkeys(OPTIONAL) | json.loads(path.read_text())


@pytest.mark.parametrize("decision", [None, Decision(evidence=-1.25, confidence=0.9), Decision(evidence=2, confidence=1)])
@pytest.mark.parametrize("promise", [None, {}, {"strangers": {"taken": 3, "of": 1000, "interval": [0.001, 0.009]}}])
def test_a_card_read_back_is_the_card_written(
    decision: Decision | None, promise: dict[str, Any] | None, folder: Path
) -> None:
    card = replace(read_card(folder / "card.json"), decision=decision, promise=promise)
    (folder / "card.json").write_text(card.to_json())
    assert read_card(folder / "card.json") == card
    assert read_card(folder / "card.json").to_json() == card.to_json()
    assert load_model(folder).card == card


@pytest.mark.parametrize("missing", [{"decision"}, {"promise"}, {"decision", "promise"}])
def test_a_card_may_lack_what_is_decided_and_promised(missing: set[str], folder: Path) -> None:
    card = read_card(folder / "card.json")
    values = json.loads(card.to_json())
    (folder / "card.json").write_text(json.dumps({key: value for key, value in values.items() if key not in missing}))
    assert read_card(folder / "card.json") == card


@pytest.mark.parametrize(
    "decision",
    [
        {}, [], "0.9", 0.9, True, {"evidence": 1.0}, {"confidence": 0.9}, {"evidence": 1.0, "confidence": 0.9, "margin": 1},
        {"evidence": None, "confidence": 0.9}, {"evidence": "1", "confidence": 0.9}, {"evidence": True, "confidence": 0.9},
        {"evidence": 1.0, "confidence": [0.9]}, {"evidence": 1.0, "confidence": 1.1}, {"evidence": 1.0, "confidence": -0.1},
        {"evidence": float("nan"), "confidence": 0.9}, {"evidence": float("inf"), "confidence": 0.9},
        {"evidence": 1.0, "confidence": float("nan")}, {"evidence": 1.0, "confidence": 10**400},
    ],
)  # fmt: skip
def test_a_decision_that_cannot_be_made_is_refused_with_a_sentence(decision: object, folder: Path) -> None:
    change_card(folder, decision=decision)
    with pytest.raises(
        CardInvalid, match="has a decision that is not an evidence, any number, and a confidence from 0 to 1"
    ):
        read_card(folder / "card.json")


def test_the_committed_model_names_itself_in_its_onnx_file() -> None:
    path = COMMITTED
    assert json.dumps(read_card(path / "card.json").commit).encode() in (path / "model.onnx").read_bytes()


def test_a_model_whose_file_is_not_the_proved_one_is_refused(folder: Path) -> None:
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelRefused, match="not the file that its card proves"):
        load_model(folder)


def test_what_is_loaded_is_what_was_hashed_even_if_the_file_changes_between(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_and_replace(content: bytes) -> Any:
        (folder / "model.onnx").write_bytes(b"another model")
        return hashlib.sha256(content)

    monkeypatch.setattr("serving.catalogue.hashlib", SimpleNamespace(sha256=hash_and_replace))
    assert load_model(folder).session.probabilities(np.zeros((1, 28, 28), np.uint8)).shape == (1, 10)


def test_a_model_without_evidence_takes_everything_for_a_digit() -> None:
    session = load_model(COMMITTED).session
    pictures = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    rows = session.rows(pictures)
    assert (rows.shape, rows.dtype) == ((5, 11), np.float32)
    assert (rows[:, 10] == np.inf).all()
    np.testing.assert_array_equal(rows[:, :10], session.probabilities(pictures))
    np.testing.assert_array_equal(rows[:, :10], session.outputs(pictures)[0])
    assert not session.has_evidence


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
        ({"promise": "always right"}, "a promise that is not a JSON object"),
        ({"quantised": "yes"}, "a quantised that is not a JSON object"),
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


def test_one_model_is_loaded_by_its_name_whatever_lies_beside_it(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "copy")
    assert load_named("convnet", folder.parent).identity == load_model(folder).identity
    with pytest.raises(ModelRefused, match="its folder is 'copy'"):
        load_named("copy", folder.parent)
    for name in ("convnot", "", "..", "../models/convnet", str(folder)):
        with pytest.raises(ModelRefused, match=f"There is no model {name!r}. Models: convnet, copy"):
            load_named(name, folder.parent)


@pytest.mark.parametrize("missing", ["model.onnx", "card.json"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_reason_names_the_file_and_not_its_place_on_the_server(
    missing: str, relative: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    (folder / missing).unlink()
    (folder / missing).mkdir()  # which cannot be read as a file
    root = Path("models") if relative else folder.parent
    reason = load_catalogue(root).refused["convnet"]
    assert reason.startswith(f"convnet/{missing}")
    assert str(root) not in reason


def test_what_is_hidden_is_no_model(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / ".convnet.part")
    assert load_catalogue(folder.parent).refused == {}


def test_a_folder_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="holds no models"):
        load_catalogue(tmp_path)
    with pytest.raises(ModelRefused, match="is not a folder of models"):
        load_catalogue(tmp_path / "missing")
