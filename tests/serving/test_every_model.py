"""Each committed model, by name, over HTTP and over a folder: the answers of its session, in its own words."""

import asyncio
import csv
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from serving.catalogue import load_catalogue
from serving.cli import app
from serving.http.api import Api
from serving.reading import Limits, read
from serving.settings import Settings

MODELS = Path(__file__).parents[2] / "models"
NAMES = sorted(path.parent.name for path in MODELS.glob("*/card.json"))
PICTURES = Path(__file__).parents[1] / "pictures"


@pytest.fixture(scope="module")
def api() -> Api:
    async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("the framework has no part in this")

    return Api(inner, load_catalogue(MODELS), Settings(models=MODELS))


def post(api: Api, name: str, files: list[tuple[str, tuple[str, bytes]]]) -> dict[str, Any]:
    async def go() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://digits") as client:
            response = await client.post(f"/predict?model={name}", files=files)
            assert response.status_code == 200
            told: dict[str, Any] = response.json()
            return told

    return asyncio.run(go())


@pytest.mark.parametrize("name", NAMES)
def test_a_model_answers_by_its_name_in_every_way(name: str, api: Api, digits: list[bytes], tmp_path: Path) -> None:
    model = load_catalogue(MODELS).models[name]
    pictures = np.stack([read(data, model.card.reading, Limits()).picture for data in digits])
    expected = model.session.probabilities(pictures).argmax(1).tolist()

    told = post(api, name, [("f", (f"{place}.png", data)) for place, data in enumerate(digits)])
    assert told["model"] == f"{name}@{model.card.onnx_sha256[:12]}"
    assert [one["digit"] for one in told["predictions"]] == expected
    assert [one["name"] for one in told["predictions"]] == [model.card.classes[digit] for digit in expected]

    out = tmp_path / "out.csv"
    done = CliRunner().invoke(app, ["predict", str(PICTURES), "-o", str(out), "--model", name, "--models", str(MODELS)])
    assert done.exit_code == 0, done.output
    with out.open(newline="", encoding="utf-8") as file:
        assert [int(row["digit"]) for row in csv.DictReader(file)] == expected
