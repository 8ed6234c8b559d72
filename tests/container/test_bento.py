"""BentoML's own way from the bentofile to an image: nothing of ours is in between."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from containers import LOCKED, ROOT, Engine

pytestmark = pytest.mark.container

BENTOML = (sys.executable, "-m", "bentoml")
IMAGE = "localhost/digits:bento"


@pytest.fixture(scope="module")
def bento(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    del image  # our own first: it brings the base that the generated Dockerfile asks for
    builder = engine.with_certificates()
    builder.environment["BENTOML_HOME"] = str(tmp_path_factory.mktemp("bentoml"))
    builder.environment["BENTOML_DO_NOT_TRACK"] = "True"
    builder.run(*BENTOML, "build", cwd=ROOT)
    containerize = ("containerize", "digits:latest", "--backend=buildah", "--opt=pull-never", f"--image-tag={IMAGE}")
    builder.run(*BENTOML, *containerize, timeout_s=900)
    yield IMAGE
    engine.run("podman", "rmi", IMAGE)


def test_its_image_answers_as_ours_does(engine: Engine, bento: str, digits: list[bytes]) -> None:
    command = ("serve", "--host=127.0.0.1", "--port={port}")
    with engine.serving(bento, *LOCKED, "--env=BENTOML_HOME=/tmp/bentoml", command=command) as container:
        files = [("file", (f"{number}.png", picture)) for number, picture in enumerate(digits)]
        told = httpx.post(f"{container.url}/predict", files=files, timeout=30, trust_env=False).json()
        models = httpx.get(f"{container.url}/models", timeout=30, trust_env=False).json()
    assert [one["digit"] for one in told["predictions"]] == list(range(10))
    assert len(models["models"]) == len(list(Path(ROOT / "models").glob("*/model.onnx")))
