"""The application in process, in front of a stand-in for BentoML's."""

import asyncio
import base64
import io
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from serving import engine
from serving.catalogue import Catalogue, Model
from serving.http import predict
from serving.http.api import Api
from serving.settings import Settings, find_models

MULTIPART = {"content-type": "multipart/form-data; boundary=X"}


async def inner(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the framework's " + scope["path"].encode()})


@pytest.fixture(scope="session")
def api(model: Model) -> Api:
    settings = Settings(models=find_models(), model="convnet", max_body_bytes=100_000, max_files=64)
    return Api(inner, Catalogue({"convnet": model}, {"broken": "models/broken is not proved"}), settings)


class AtOnce(httpx.ASGITransport):
    """Offers a request that is whole to the application first, as our connections do."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._api = api

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "transfer-encoding" in request.headers:
            return await super().handle_async_request(request)
        scope = {
            "type": "http", "method": request.method, "path": request.url.path, "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw], "client": None,
        }  # fmt: skip
        answers: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()

        def send(status: int, headers: Any, body: bytes) -> bool:
            answers.set_result(httpx.Response(status, headers=list(headers), content=body))
            return True

        taken = self._api.at_once(scope, await request.aread(), send)
        return await (answers if taken else super().handle_async_request(request))


@pytest.fixture(autouse=True, params=[httpx.ASGITransport, AtOnce], ids=["awaited", "at once"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this holds for what is awaited and for what is answered without a task."""
    monkeypatch.setitem(WAY, "transport", request.param)


WAY: dict[str, type[httpx.ASGITransport]] = {}


def ask(api: Api, method: str, url: str, **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = WAY["transport"](api)
        async with httpx.AsyncClient(transport=transport, base_url="http://digits") as client:
            return await client.request(method, url, **options)

    return asyncio.run(go())


def files(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [(f"field{place}", (f"{place}.png", data)) for place, data in enumerate(contents)]


def test_files_are_answered_in_order(api: Api, digits: list[bytes]) -> None:
    response = ask(api, "POST", "/predict", files=files(*digits))
    assert response.status_code == 200
    told = response.json()
    assert told["model"].startswith("convnet@")
    assert [one["digit"] for one in told["predictions"]] == list(range(10))
    assert [(one["source"], one["index"]) for one in told["predictions"]] == [(f"{place}.png", place) for place in range(10)]
    assert {one["model"] for one in told["predictions"]} == {told["model"]}
    for one in told["predictions"]:
        assert one["confidence"] == max(one["probabilities"])
        assert sum(one["probabilities"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "application/octet-stream", "IMAGE/PNG; x=y"])
def test_one_raw_body_is_one_picture_whatever_it_is_called(api: Api, digits: list[bytes], kind: str) -> None:
    response = ask(api, "POST", "/predict", content=digits[4], headers={"content-type": kind})
    assert [one["digit"] for one in response.json()["predictions"]] == [4]


def test_the_keys_of_an_answer_stand_in_their_order(api: Api, digits: list[bytes]) -> None:
    told = ask(api, "POST", "/predict?top=2&seen=1", files=files(digits[1])).json()["predictions"][0]
    assert list(told) == [
        "source", "index", "status", "digit", "name", "confidence", "probabilities", "reason", "message", "model", "top",
        "seen",
    ]  # fmt: skip


def test_seen_is_the_picture_that_the_network_saw(api: Api, digits: list[bytes]) -> None:
    told = ask(api, "POST", "/predict?seen=1", files=files(digits[8])).json()["predictions"][0]
    seen = base64.b64decode(told["seen"].removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(*(np.asarray(Image.open(io.BytesIO(data))) for data in (seen, digits[8])))


def test_a_broken_file_does_not_disturb_its_neighbours(api: Api, digits: list[bytes], broken: dict[str, bytes]) -> None:
    small = {reason: data for reason, data in broken.items() if len(data) < 50_000}
    alone = ask(api, "POST", "/predict", files=files(digits[7])).json()["predictions"][0]
    mixed = [content for data in small.values() for content in (data, digits[7])]
    response = ask(api, "POST", "/predict", files=files(*mixed))
    assert response.status_code == 200
    told = response.json()["predictions"]
    assert [one["reason"] for one in told[::2]] == list(small)
    assert [one["status"] for one in told[::2]] == ["rejected"] * len(small)
    for one in told[1::2]:
        assert one["probabilities"] == alone["probabilities"]


def test_when_nothing_can_be_read_the_answer_is_422_with_the_same_body(api: Api, broken: dict[str, bytes]) -> None:
    response = ask(api, "POST", "/predict", files=files(broken["truncated"], broken["empty"]))
    assert response.status_code == 422
    assert [one["reason"] for one in response.json()["predictions"]] == ["truncated", "empty"]


def test_a_blank_sheet_was_read(api: Api) -> None:
    file = io.BytesIO()
    Image.new("L", (40, 40), 255).save(file, "PNG")
    response = ask(api, "POST", "/predict", files=files(file.getvalue()))
    assert response.status_code == 200
    assert response.json()["predictions"][0]["status"] == "blank"


@pytest.fixture(scope="session")
def frank(doubting: Model) -> Api:
    """The application around a model that says everything a model can say."""
    return Api(inner, Catalogue({"convnet": doubting}, {}), Settings(models=find_models(), model="convnet"))


def test_every_status_is_told_with_what_belongs_to_it(frank: Api, digits: list[bytes], broken: dict[str, bytes]) -> None:
    file = io.BytesIO()
    Image.new("L", (40, 40), 255).save(file, "PNG")
    sent = files(digits[7], digits[5], digits[3], file.getvalue(), broken["truncated"])
    response = ask(frank, "POST", "/predict?top=1&seen=1", files=sent)
    assert response.status_code == 200
    told = response.json()["predictions"]
    assert [one["status"] for one in told] == ["digit", "unsure", "not_a_digit", "blank", "rejected"]
    assert [one["digit"] for one in told] == [7, 5, 3, None, None]
    assert [one["name"] for one in told] == ["7", "5", "3", None, None]
    assert told[1]["confidence"] == pytest.approx(0.55)
    for one in told[:3]:
        assert one["confidence"] == max(one["probabilities"]) == one["top"][0]["probability"]
        assert (one["reason"], one["message"]) == (None, None)
    for one in told[3:]:
        assert (one["confidence"], one["probabilities"], "top" in one) == (None, None, False)
    assert ["seen" in one for one in told] == [True, True, True, True, False]


@pytest.mark.parametrize("digit", [3, 5])
def test_what_is_no_digit_and_what_is_unsure_was_read(frank: Api, digits: list[bytes], digit: int) -> None:
    assert ask(frank, "POST", "/predict", files=files(digits[digit])).status_code == 200


def test_a_card_tells_what_is_decided(frank: Api, api: Api) -> None:
    assert ask(frank, "GET", "/models/convnet").json()["decision"] == {"evidence": 1.5, "confidence": 0.8}
    assert ask(api, "GET", "/models/convnet").json()["decision"] is None


@pytest.mark.parametrize(
    ("method", "url", "options", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("GET", "/predict", {}, 405, "method_not_allowed"),
        ("POST", "/models", {}, 405, "method_not_allowed"),
        ("POST", "/livez", {}, 405, "method_not_allowed"),
        ("GET", "/models/none", {}, 404, "unknown_model"),
        ("GET", "/models/", {}, 404, "not_found"),
        ("GET", "/models/broken", {}, 404, "unknown_model"),
        ("POST", "/predict?model=none", {"files": files(b"x")}, 404, "unknown_model"),
        ("POST", "/predict?modle=convnet", {"files": files(b"x")}, 400, "bad_parameter"),
        ("POST", "/predict?top=11", {"files": files(b"x")}, 400, "bad_parameter"),
        ("POST", "/predict?top=-1", {"files": files(b"x")}, 400, "bad_parameter"),
        ("POST", "/predict?seen=yes", {"files": files(b"x")}, 400, "bad_parameter"),
        ("POST", "/predict?" + "&".join(f"a{place}=" for place in range(99)), {}, 400, "bad_parameter"),
        ("POST", "/predict", {}, 415, "unsupported_media_type"),
        ("POST", "/predict", {"json": {}}, 415, "unsupported_media_type"),
        ("POST", "/predict", {"data": {"a": "b"}}, 415, "unsupported_media_type"),
        ("POST", "/predict", {"headers": MULTIPART}, 400, "no_picture"),
        ("POST", "/predict", {"headers": {"content-type": "image/png"}}, 400, "no_picture"),
        ("POST", "/predict", {"headers": MULTIPART, "content": b"no boundary"}, 400, "malformed_multipart"),
        ("POST", "/predict", {"files": files(*[b"x"] * 65)}, 413, "too_many_files"),
        ("POST", "/predict", {"files": files(bytes(100_001))}, 413, "too_many_bytes"),
    ],
)  # fmt: skip
def test_every_client_error_is_one_object_in_our_own_words(
    api: Api, method: str, url: str, options: dict[str, Any], status: int, code: str
) -> None:
    response = ask(api, method, url, **options)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["message"].endswith((".", "none", "convnet", "proved"))


def test_a_body_without_a_length_is_cut_off_at_the_limit(api: Api) -> None:
    async def endless() -> Any:
        while True:
            yield bytes(10_000)

    response = ask(api, "POST", "/predict", content=endless(), headers={"content-type": "image/png"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_bytes")


def test_the_models_tell_their_cards_and_why_one_is_refused(api: Api, model: Model) -> None:
    told = ask(api, "GET", "/models").json()
    assert told["default"] == "convnet"
    assert told["refused"] == {"broken": "models/broken is not proved"}
    assert ask(api, "GET", "/models/convnet").json() == told["models"][0]
    assert told["models"][0]["onnx_sha256"] == model.card.onnx_sha256


def test_the_probes_say_what_is_served_and_what_is_not(api: Api, model: Model) -> None:
    for path in ("/livez", "/healthz"):
        assert ask(api, "GET", path).json() == {"status": "alive"}
    told = ask(api, "GET", "/readyz").json()
    assert told == {
        "status": "ready", "models": {"convnet": model.identity}, "devices": {"convnet": "cpu"},
        "refused": {"broken": "models/broken is not proved"},
    }  # fmt: skip


def test_a_request_has_an_identity_of_its_own_or_the_one_it_came_with(api: Api) -> None:
    first, second = (ask(api, "GET", "/livez").headers["x-request-id"] for _ in range(2))
    assert first != second
    assert ask(api, "GET", "/nowhere", headers={"x-request-id": "mine-1:2.3"}).headers["x-request-id"] == "mine-1:2.3"
    for odd in ("a" * 65, "a b", "", "a\tb"):
        assert ask(api, "GET", "/livez", headers={"x-request-id": odd}).headers["x-request-id"] != odd


def test_a_path_that_there_is_not_is_none_of_the_frameworks(api: Api) -> None:
    for path in ("/static_content/index.js", "/schema.json", "/predict/", "/predict//"):
        assert ask(api, "GET", path).status_code == 404


def test_head_is_answered_without_a_body(api: Api) -> None:
    response = ask(api, "HEAD", "/models")
    assert response.status_code == 200
    assert response.content == b""


def test_our_own_bug_is_a_500_without_detail(
    api: Api, digits: list[bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.engine.outcomes_of", fail)
    response = ask(api, "POST", "/predict", files=files(digits[0]))
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(("module", "name"), [(engine, "outcomes_of"), (predict, "answer")])
def test_a_bug_that_one_request_meets_is_not_told_to_those_in_the_same_batch(
    api: Api, digits: list[bytes], monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    def fail_at_a_seven(*arguments: Any) -> Any:
        told = works(*arguments)
        if (told["digit"] if isinstance(told, dict) else told[0].digit) == 7:
            raise RuntimeError
        return told

    works = getattr(module, name)
    monkeypatch.setattr(module, name, fail_at_a_seven)

    async def go() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=WAY["transport"](api), base_url="http://digits") as client:
            return await asyncio.gather(*(client.post("/predict", files=files(data)) for data in digits))

    responses = asyncio.run(go())
    assert [response.status_code for response in responses] == [500 if digit == 7 else 200 for digit in range(10)]


def test_overload_is_told_with_the_time_to_come_back(model: Model, digits: list[bytes]) -> None:
    settings = Settings(models=find_models(), model="convnet", max_waiting=1)
    crowded = Api(inner, Catalogue({"convnet": model}, {}), settings)
    response = ask(crowded, "POST", "/predict", files=files(*digits))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
    assert response.headers["retry-after"] == "1"
    again = ask(crowded, "POST", "/predict", files=files(digits[1]))
    assert again.status_code == 200, "what was refused is not counted as waiting"


def blank(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 255).save(file, "PNG")
    return file.getvalue()


def test_the_pixels_of_a_request_are_bounded_before_any_is_decoded(model: Model, broken: dict[str, bytes]) -> None:
    settings = Settings(models=find_models(), model="convnet", max_request_pixels=1_000_000, max_waiting_pixels=500_000)
    small = Api(inner, Catalogue({"convnet": model}, {}), settings)

    def code(*contents: bytes) -> tuple[int, str]:
        response = ask(small, "POST", "/predict", files=files(*contents))
        return response.status_code, response.json().get("error", {}).get("code", "")

    assert code(*[blank(800, 700)] * 2) == (413, "too_many_pixels")
    assert code(*[blank(400, 500)] * 2) == (200, "")
    assert code(blank(1200, 1000)) == (200, ""), "a picture within its own limit is never too much alone"
    assert code(broken["too_many_pixels"], blank(30, 30)) == (200, ""), "what will not be decoded does not count"


def test_bytes_in_memory_are_bounded_over_all_requests(model: Model, digits: list[bytes]) -> None:
    settings = Settings(models=find_models(), model="convnet", max_held_bytes=10_000)
    crowded = Api(inner, Catalogue({"convnet": model}, {}), settings)
    for _ in range(3):
        assert ask(crowded, "POST", "/predict", files=files(bytes(10_001))).status_code == 503
        assert ask(crowded, "POST", "/predict", files=files(digits[1])).status_code == 200, "what was refused is let go of"


def test_a_body_that_trickles_is_given_up(model: Model) -> None:
    settings = Settings(models=find_models(), model="convnet", body_seconds=1)
    impatient = Api(inner, Catalogue({"convnet": model}, {}), settings)

    async def trickle() -> Any:
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    response = ask(impatient, "POST", "/predict", content=trickle(), headers={"content-type": "image/png"})
    assert (response.status_code, response.json()["error"]["code"]) == (408, "too_slow")
    assert response.headers["connection"] == "close"
