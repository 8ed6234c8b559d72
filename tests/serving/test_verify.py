"""digits verify: it finds what differs, and says what keeps it from looking."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import started
from between import Answer, Between, between
from started import Started
from typer.testing import CliRunner, Result

from serving.cli import app
from serving.remote.golden import broken, golden
from serving.remote.verify import REFUSED, TOGETHER
from serving.settings import DEFAULT_MODEL

MODELS = Path(__file__).parents[2] / "models"
CHOSEN = ("convnet", DEFAULT_MODEL, "fashion_linear")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the models, with all that models can do."""
    folder = tmp_path_factory.mktemp("models")
    for name in CHOSEN:
        (folder / name).symlink_to(MODELS / name)
    return folder


@pytest.fixture(scope="module")
def service(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    environment = os.environ | {"BENTOML_HOME": str(tmp_path_factory.mktemp("bentoml"))}
    with started.service("--models", str(models), environment=environment) as service:
        yield service


@pytest.fixture
def on_the_way(service: Started) -> Iterator[Between]:
    with between(service.url, "/some/where") as one:
        yield one


def verify(url: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["verify", url, *map(str, arguments)], env={"COLUMNS": "200"})


def test_a_service_with_the_same_models_is_the_same(service: Started, models: Path) -> None:
    result = verify(service.url, "--models", models)
    assert result.exit_code == 0, result.output
    assert "all the same; 3 models" in result.output


def test_a_service_may_lie_below_a_path(on_the_way: Between, models: Path) -> None:
    result = verify(on_the_way.url + "/", "--models", models, "--model", "convnet")
    assert result.exit_code == 0, result.output
    assert all(path.startswith("/some/where/") for path in on_the_way.asked)


def test_it_needs_neither_the_tests_nor_the_data_set(service: Started, models: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from serving.cli import main; main()", "verify", service.url, "--models", models]
    environment = {name: value for name, value in os.environ.items() if name != "DIGITS_DATA"} | {"HOME": str(tmp_path)}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def of_predictions(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[str, Answer], Answer]:
    def after(path: str, answer: Answer) -> Answer:
        if "/predict" not in path or answer.status not in {200, 422}:
            return answer
        told = answer.json()
        change(told["predictions"])
        return answer.say(told)

    return after


def shift(by: float) -> Callable[[list[dict[str, Any]]], None]:
    def change(predictions: list[dict[str, Any]]) -> None:
        for one in predictions:
            if one["probabilities"]:
                one["probabilities"][0] += by

    return change


def another_digit(predictions: list[dict[str, Any]]) -> None:
    for one in predictions:
        if one["digit"] == 7:
            one["digit"] = 1


def other_bits_together(predictions: list[dict[str, Any]]) -> None:
    if len(predictions) > 1:
        shift(2e-7)(predictions)


def another_reason(predictions: list[dict[str, Any]]) -> None:
    for one in predictions:
        if one["reason"] == "truncated":
            one["reason"] = "damaged"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (shift(2e-6), "probabilities"),
        (another_digit, "digit 7, as MNIST has it.png: digit"),
        (other_bits_together, f"alone, and among {TOGETHER}: probabilities"),
        (another_reason, "cut off: reason"),
    ],
)
def test_a_differing_answer_is_found(
    change: Callable[[list[dict[str, Any]]], None], what: str, on_the_way: Between, models: Path
) -> None:
    on_the_way.after = of_predictions(change)
    result = verify(on_the_way.url, "--models", models, "--model", "convnet")
    assert result.exit_code == 1, result.output
    assert what in result.output


def test_a_difference_within_the_tolerance_is_none(on_the_way: Between, models: Path) -> None:
    on_the_way.after = of_predictions(shift(5e-7))
    assert verify(on_the_way.url, "--models", models, "--model", "convnet").exit_code == 0


def test_answers_that_change_under_load_are_found(on_the_way: Between, models: Path) -> None:
    last, asked = len(golden() | broken()) + 1, 0

    def change(predictions: list[dict[str, Any]]) -> None:
        nonlocal asked
        asked += len(predictions) == 1
        if asked > last:  # what is asked one after the other comes last
            shift(2e-7)(predictions)

    on_the_way.after = of_predictions(change)
    result = verify(on_the_way.url, "--models", models, "--model", "convnet")
    assert result.exit_code == 1
    assert "among 8 requests, and alone: probabilities" in result.output


def test_requests_that_are_too_large_on_the_way_are_found(on_the_way: Between, models: Path) -> None:
    on_the_way.before = lambda _method, _path, body: Answer(413, {}, b"<html>") if len(body) > 150_000 else None
    result = verify(on_the_way.url, "--models", models, "--model", "convnet")
    assert result.exit_code == 1
    assert "digit 9, 12 megapixels.jpg: status" in result.output
    assert "too many bytes: status" in result.output
    assert f"{TOGETHER} pictures in a request" in result.output


def test_another_file_of_the_model_is_found(on_the_way: Between, models: Path) -> None:
    def after(path: str, answer: Answer) -> Answer:
        if not path.endswith("/models"):
            return answer
        told = answer.json()
        for card in told["models"]:
            card["onnx_sha256"] = "0" * 64
        return answer.say(told)

    on_the_way.after = after
    result = verify(on_the_way.url, "--models", models)
    assert result.exit_code == 1
    assert result.output.count("sha256 of model.onnx") == 3


def test_requests_that_are_refused_in_another_way_are_found(on_the_way: Between, models: Path) -> None:
    coded = {what: one for what, one in REFUSED.items() if one.code}
    coded_statuses = {one.status for one in coded.values()}
    on_the_way.after = lambda _path, answer: Answer(418, {}, answer.body) if answer.status in coded_statuses else answer
    result = verify(on_the_way.url, "--models", models, "--model", "convnet")
    assert result.exit_code == 1
    assert len(coded) == len(REFUSED) - 1
    for what, one in coded.items():
        (row,) = (row for row in result.output.splitlines() if what in row)
        assert f"{one.status} {one.code}" in row
        assert f"418 {one.code}" in row


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer(200, {"content-type": "text/html"}, b"<html>Hello"), "No service of digits: {} answers GET"),
        (Answer(404, {"content-type": "text/html"}, b"<html>Nothing"), "with 404: text/html"),
        (Answer(200, {"content-type": "application/json"}, b"[]"), "No service of digits"),
        (Answer(200, {"content-type": "application/json"}, b'{"models": 1}'), "describes its models in a way"),
        (Answer(302, {"location": "https://example.org/login"}, b""), "with 302 to https://example.org/login"),
        (Answer(502, {"content-type": "text/html"}, b""), "with 502"),
    ],
)
def test_something_else_is_told_in_a_line(answer: Answer, line: str, on_the_way: Between, models: Path) -> None:
    on_the_way.before = lambda _method, _path, _body: answer
    result = verify(on_the_way.url, "--models", models)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert line.format(on_the_way.url) in result.stderr


@pytest.mark.parametrize(
    ("url", "code", "line"),
    [
        ("http://127.0.0.1:{free}", 3, "nothing listens there"),
        ("https://127.0.0.1:{port}", 3, "no TLS comes about; is it http:// instead?"),
        ("http://127.0.0.1:{port}/elsewhere", 3, "answers GET /elsewhere/models with 404: There is nothing at"),
        ("127.0.0.1:{port}", 2, "is no URL of a service"),
        ("ftp://127.0.0.1:{port}", 2, "is no URL of a service"),
        ("http://127.0.0.1:{port}/?model=x", 2, "is no URL of a service"),
        ("http://:80:80", 2, "is no URL of a service"),
    ],
)
def test_a_wrong_url_gets_one_clear_line(url: str, code: int, line: str, service: Started, models: Path) -> None:
    result = verify(url.format(port=service.port, free=started.free_port()), "--models", models)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert line in result.stderr


def test_a_model_that_is_not_there_is_a_difference(service: Started, models: Path, tmp_path: Path) -> None:
    (tmp_path / "mlp_128_64").symlink_to(MODELS / "mlp_128_64")
    result = verify(service.url, "--models", tmp_path, "--model", "mlp_128_64")
    assert result.exit_code == 1
    assert "not there" in result.output
    result = verify(service.url, "--models", tmp_path)
    assert result.exit_code == 1
    assert "No model is both there (champion, convnet, fashion_linear) and here (mlp_128_64)" in result.stderr
    assert verify(service.url, "--models", models, "--model", "convnot").exit_code == 2


def test_the_key_is_read_from_where_nobody_sees_it(on_the_way: Between, models: Path, tmp_path: Path) -> None:
    keys: list[str] = []
    (tmp_path / "key").write_text("# of the service\nopen sesame\n")
    refusal = {"error": {"code": "unauthorised", "message": "A key is needed here."}}
    answer = on_the_way.answer

    def with_key(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        keys.append(headers.get("authorization", ""))
        if keys[-1] != "Bearer open sesame":
            return Answer(401, {}, json.dumps(refusal).encode())
        return answer(method, path, headers, body)

    on_the_way.answer = with_key
    only = ("--models", models, "--model", "convnet")
    result = verify(on_the_way.url, *only)
    assert (result.exit_code, keys) == (3, [""])
    assert "wants a key: DIGITS_API_KEYS, or --key-file" in result.stderr
    assert verify(on_the_way.url, *only, "--key-file", tmp_path / "key").exit_code == 0
    (tmp_path / "key").write_text("sesame\n")
    assert "does not take the key" in verify(on_the_way.url, *only, "--key-file", tmp_path / "key").stderr
    result = verify(on_the_way.url, *only, "--key-file", tmp_path / "none")
    assert (result.exit_code, result.stderr[:16]) == (2, "--key-file names")


def test_the_golden_pictures_are_everything_that_is_answered(models: Path) -> None:
    from serving.catalogue import load_model
    from serving.classifier import classify
    from serving.outcome import Prediction, Rejection, status
    from serving.reading import Limits, Reason

    model = load_model(models / DEFAULT_MODEL)
    outcomes = dict(zip(golden(), classify(golden().values(), model, Limits()), strict=True))
    for name, outcome in outcomes.items():
        if name.startswith("digit "):
            assert isinstance(outcome, Prediction), name
            assert (outcome.status, outcome.digit) == ("digit", int(name[6])), name
    assert {status(outcome) for outcome in outcomes.values()} >= {"digit", "not_a_digit", "blank"}
    refused = classify(broken().values(), model, Limits())
    assert all(isinstance(outcome, Rejection) for outcome in refused)
    reasons = {outcome.reason for outcome in refused if isinstance(outcome, Rejection)}
    assert reasons == set(Reason) - {Reason.UNREADABLE, Reason.CRASHED, Reason.TOO_MANY_FRAMES}
