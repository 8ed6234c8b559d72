"""The Open Inference Protocol, against its published text and with a client of other people's."""

import asyncio
import gzip
import io
import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from started import Started, service
from tritonclient.utils import InferenceServerException

from serving.catalogue import Catalogue, Model, load_model
from serving.http.api import Api
from serving.http.messages import Response
from serving.http.openinference.answer import answer
from serving.http.openinference.request import Inference, Wanted
from serving.http.openinference.tensors import outputs_of
from serving.runtime import Outputs, Pictures, Session
from serving.settings import Settings, find_models

ROOT = Path(__file__).parents[2]
NAMES = ("convnet", "reader", "single_neuron")
"""A classifier, one with evidence, one that has a single score."""
INFER = "/v2/models/convnet/infer"
MOST = 64
"""Pictures that the application under test takes in one request."""


async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("a request got through to the framework")


@pytest.fixture(scope="session")
def models(model: Model) -> dict[str, Model]:
    return {name: model if name == model.card.name else load_model(ROOT / "models" / name) for name in NAMES}


@pytest.fixture(scope="session")
def api(models: dict[str, Model]) -> Api:
    served = Settings(models=find_models(), model="convnet", max_files=MOST)
    return Api(inner, Catalogue(models, {"broken": "models/broken is not proved"}), served)


@pytest.fixture(scope="session")
def pictures(digits: list[bytes]) -> Pictures:
    """One of each digit, (10, 28, 28)."""
    return np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in digits])


def ask(api: Api, method: str, url: str, **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://digits") as client:
            return await client.request(method, url, **options)

    return asyncio.run(go())


def as_json(pictures: Pictures, *, flat: bool = False, **more: Any) -> dict[str, Any]:
    data = pictures.reshape(-1).tolist() if flat else pictures.tolist()
    return {"inputs": [{"name": "images", "datatype": "UINT8", "shape": list(pictures.shape), "data": data}], **more}


def as_bytes(pictures: Pictures, **more: Any) -> dict[str, Any]:
    """What httpx is to send: JSON, and the pictures' bytes behind it."""
    parameters = {"binary_data_size": pictures.size}
    tensor = {"name": "images", "datatype": "UINT8", "shape": list(pictures.shape), "parameters": parameters}
    text = json.dumps({"inputs": [tensor], **more}).encode()
    return {"content": text + pictures.tobytes(), "headers": {"inference-header-content-length": str(len(text))}}


def tensors(response: httpx.Response | Response) -> dict[str, Any]:
    """The outputs of an answer by name, as arrays, however they are told."""
    content = response.body if isinstance(response, Response) else response.content
    headers = (
        {name.decode(): value for name, value in response.headers} if isinstance(response, Response) else response.headers
    )
    length = int(headers.get("inference-header-content-length", len(content)))
    told, place, found = json.loads(content[:length]), length, {}
    for output in told["outputs"]:
        kind = {"FP32": np.dtype("<f4"), "BYTES": np.dtype(object)}[output["datatype"]]
        if "data" in output:
            assert "parameters" not in output
            values = np.array(output["data"], kind)
        else:
            data = content[place : place + output["parameters"]["binary_data_size"]]
            place += len(data)
            values = np.frombuffer(data, kind) if output["datatype"] == "FP32" else np.array(strings(data), kind)
        found[output["name"]] = values.reshape(output["shape"])
    assert place == len(content)
    return found


def strings(data: bytes) -> list[str]:
    found = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    return found


# What the protocol's text says of each answer: names with "?" may be missing, and there are no others.
TENSOR = {"name": str, "datatype": str, "shape": [int]}
SERVER = {"name": str, "version": str, "extensions": [str]}
METADATA = {"name": str, "versions?": [str], "platform": str, "inputs": [TENSOR], "outputs": [TENSOR]}
ERROR = {"error": str}
DATA = TENSOR | {"parameters?": dict, "data": [float]}
BINARY = TENSOR | {"parameters": {"binary_data_size": int}}
INFERENCE = {"model_name": str, "model_version?": str, "id?": str, "parameters?": dict, "outputs": [DATA]}
INDEX = [{"name": str, "version?": str, "state": str, "reason": str}]
DATATYPES = {"BOOL", "BYTES", "FP16", "FP32", "FP64"} | {
    f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)
}
PLATFORMS = {
    "tensorrt_plan", "tensorflow_graphdef", "tensorflow_savedmodel", "onnx_onnxv1", "pytorch_torchscript", "mxnet_mxnet",
    "caffe2_netdef",
}  # fmt: skip


def follows(value: Any, schema: Any) -> bool:
    if isinstance(schema, dict):
        needed = {name for name in schema if not name.endswith("?")}
        known = {name.rstrip("?"): kind for name, kind in schema.items()}
        return (
            isinstance(value, dict)
            and needed <= value.keys() <= known.keys()
            and all(follows(one, known[name]) for name, one in value.items())
        )
    if isinstance(schema, list):
        return isinstance(value, list) and all(follows(one, schema[0]) for one in value)
    return type(value) is schema


@pytest.mark.parametrize(
    ("method", "path", "status", "schema"),
    [
        ("GET", "/v2", 200, SERVER),
        ("GET", "/v2/", 200, SERVER),
        ("GET", "/v2/health/live", 200, {"live": bool}),
        ("GET", "/v2/health/ready", 200, {"live": bool}),
        ("GET", "/v2/models/convnet", 200, METADATA),
        ("GET", "/v2/models/convnet/versions/{version}", 200, METADATA),
        ("GET", "/v2/models/convnet/ready", 200, {"name": str, "ready": bool}),
        ("GET", "/v2/models/convnet/versions/{version}/ready", 200, {"name": str, "ready": bool}),
        ("POST", "/v2/models/convnet/infer", 200, INFERENCE),
        ("POST", "/v2/models/convnet/versions/{version}/infer", 200, INFERENCE),
        ("POST", "/v2/repository/index", 200, INDEX),
        *[
            (method, f"/v2/models/{model}{rest}", 404, ERROR)
            for model in ("none", "broken", "convnet/versions/1", "Convnet", "convnet%00", "%2e%2e")
            for method, rest in (("GET", ""), ("GET", "/ready"), ("POST", "/infer"))
        ],
        *[
            (method, path, 404, ERROR)
            for method, path in [
                ("GET", "/v2/nowhere"),
                ("GET", "/v2/models"),
                ("GET", "/v2/models/convnet/config"),
                ("GET", "/v2/models/convnet/stats"),
                ("GET", "/v2/models/convnet/versions"),
                ("POST", "/v2/repository/models/convnet/load"),
                ("POST", "/v2/models/convnet/infer/"),
            ]
        ],
        *[
            (method, path, 405, ERROR)
            for method, path in [
                ("POST", "/v2"),
                ("PUT", "/v2/health/live"),
                ("POST", "/v2/health/ready"),
                ("DELETE", "/v2/models/convnet"),
                ("GET", "/v2/models/convnet/infer"),
                ("GET", "/v2/repository/index"),
            ]
        ],
    ],
)
def test_every_answer_has_the_form_that_the_protocol_gives_it(
    api: Api, pictures: Pictures, models: dict[str, Model], method: str, path: str, status: int, schema: Any
) -> None:
    path = path.replace("{version}", models["convnet"].card.onnx_sha256[:12])
    body = as_json(pictures, id="mine") if path.endswith("/infer") else None
    response = ask(api, method, path, json=body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert follows(response.json(), schema), response.text


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_what_the_model_takes_and_gives(api: Api, models: dict[str, Model], name: str) -> None:
    told = ask(api, "GET", f"/v2/models/{name}").json()
    assert told["name"] == name
    assert told["versions"] == [models[name].identity.partition("@")[2]]
    assert told["platform"] in PLATFORMS
    assert told["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert {tensor["datatype"] for tensor in told["outputs"]} <= DATATYPES
    given = models[name].session.outputs(np.zeros((3, 28, 28), np.uint8))
    assert [tensor["shape"] for tensor in told["outputs"]] == [[-1, *output.shape[1:]] for output in given]
    assert [tensor["name"] for tensor in told["outputs"]] == ["probabilities", "scores", "evidence"][: len(given)]


def test_the_server_names_the_extensions_that_it_has(api: Api) -> None:
    assert ask(api, "GET", "/v2").json()["extensions"] == ["binary_tensor_data", "classification"]


def test_the_index_tells_every_model_and_why_one_does_not_answer(api: Api, models: dict[str, Model]) -> None:
    ready = [{"name": name, "version": models[name].card.onnx_sha256[:12], "state": "READY", "reason": ""} for name in NAMES]
    broken = {"name": "broken", "version": "", "state": "UNAVAILABLE", "reason": "models/broken is not proved"}
    assert ask(api, "POST", "/v2/repository/index").json() == [*ready, broken]
    assert ask(api, "POST", "/v2/repository/index", json={"ready": False}).json() == [*ready, broken]
    assert ask(api, "POST", "/v2/repository/index", json={"ready": True}).json() == ready
    for body in (b"[", b"[]", b'{"ready":1}'):
        response = ask(api, "POST", "/v2/repository/index", content=body)
        assert response.status_code == 400
        assert follows(response.json(), ERROR)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("sent", ["nested", "flat", "binary"])
def test_the_numbers_are_the_models_own_to_the_bit(
    api: Api, models: dict[str, Model], pictures: Pictures, name: str, sent: str, binary: bool
) -> None:
    more: dict[str, Any] = {"parameters": {"binary_data_output": True}} if binary else {}
    options = as_bytes(pictures, **more) if sent == "binary" else {"json": as_json(pictures, flat=sent == "flat", **more)}
    response = ask(api, "POST", f"/v2/models/{name}/infer", **options)
    assert response.headers["content-type"] == ("application/octet-stream" if binary else "application/json")
    assert ("inference-header-content-length" in response.headers) == binary
    found = tensors(response)
    given = models[name].session.outputs(pictures)
    assert list(found) == ["probabilities", "scores", "evidence"][: len(given)]
    for told, output in zip(found.values(), given, strict=True):
        np.testing.assert_array_equal(told, output, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_predict(api: Api, pictures: Pictures, digits: list[bytes], name: str) -> None:
    sent = [("file", (f"{place}.png", data)) for place, data in enumerate(digits)]
    predictions = ask(api, "POST", f"/predict?model={name}", files=sent).json()["predictions"]
    found = tensors(ask(api, "POST", f"/v2/models/{name}/infer", **as_bytes(pictures)))["probabilities"]
    told = [one["probabilities"] for one in predictions]
    np.testing.assert_array_equal(np.round(found.astype(np.float64), 7), told)


@given(rows=arrays(np.float32, (3, 12), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_a_number_survives_json_to_the_bit(models: dict[str, Model], rows: Any) -> None:
    model = models["single_neuron"]
    wanted = [Wanted(tensor, binary=False, classes=0) for tensor in outputs_of(model.session)]
    found = tensors(answer(Inference(None, np.zeros((3, 28, 28), np.uint8), wanted), rows, model))
    assert found["probabilities"].tobytes() == rows[:, :10].tobytes()
    assert found["scores"].tobytes() == rows[:, 11:].tobytes()


def test_outputs_are_those_asked_for_in_their_order_and_form(api: Api, pictures: Pictures, models: dict[str, Model]) -> None:
    outputs = [{"name": "evidence", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
    response = ask(api, "POST", "/v2/models/reader/infer", json=as_json(pictures, outputs=outputs))
    told = json.loads(response.content[: int(response.headers["inference-header-content-length"])])["outputs"]
    assert follows(told[0], BINARY)
    assert follows(told[1], DATA)
    found = tensors(response)
    rows = models["reader"].session.rows(pictures)
    assert list(found) == ["evidence", "probabilities"]
    np.testing.assert_array_equal(found["evidence"], rows[:, 10])
    np.testing.assert_array_equal(found["probabilities"], rows[:, :10])


@pytest.mark.parametrize(
    ("parameters", "own", "binary"),
    [({"binary_data_output": True}, False, False), ({"binary_data_output": False}, True, True), ({}, None, False)],
)
def test_an_outputs_own_parameter_goes_before_the_requests(
    api: Api, pictures: Pictures, parameters: dict[str, bool], own: bool | None, binary: bool
) -> None:
    output = {"name": "scores", "parameters": {} if own is None else {"binary_data": own}}
    response = ask(api, "POST", INFER, json=as_json(pictures, outputs=[output], parameters=parameters))
    assert ("inference-header-content-length" in response.headers) == binary
    assert list(tensors(response)) == ["scores"]


def test_what_is_optional_may_be_null_and_what_is_unknown_is_passed_over(api: Api, pictures: Pictures) -> None:
    body = as_json(pictures, id=None, parameters=None, outputs=None, model_name="other")
    plain = ask(api, "POST", INFER, json=as_json(pictures)).json()
    assert ask(api, "POST", INFER, json=body).json() == plain
    body = as_json(pictures, outputs=[], parameters={"my_custom_parameter": 42, "priority": 1, "timeout": 5})
    assert ask(api, "POST", INFER, json=body).json() == plain
    assert "id" not in plain


def test_the_answer_names_its_request_and_its_model(api: Api, pictures: Pictures, models: dict[str, Model]) -> None:
    told = ask(api, "POST", INFER, json=as_json(pictures, id="42 ☃")).json()
    assert (told["id"], told["model_name"]) == ("42 ☃", "convnet")
    assert told["model_version"] == models["convnet"].card.onnx_sha256[:12]
    assert ask(api, "POST", INFER, json=as_json(pictures, id="")).json()["id"] == ""


@pytest.mark.parametrize("binary", [False, True])
def test_classes_are_told_as_strings_highest_first(
    api: Api, pictures: Pictures, models: dict[str, Model], binary: bool
) -> None:
    parameters = {"classification": 3, "binary_data": binary}
    body = as_json(pictures, outputs=[{"name": "probabilities", "parameters": parameters}])
    found = tensors(ask(api, "POST", INFER, json=body))["probabilities"]
    assert found.shape == (10, 3)
    probabilities = models["convnet"].session.probabilities(pictures)
    for row, told in zip(probabilities, found, strict=True):
        places = sorted(range(10), key=lambda place: -row[place])[:3]
        assert [text.split(":")[1:] for text in told] == [[str(place), str(place)] for place in places]
        assert [text.split(":")[0] for text in told] == [str(row[place]) for place in places]


def test_pictures_beyond_one_batch_are_answered_in_order(models: dict[str, Model], pictures: Pictures) -> None:
    small = Settings(models=find_models(), model="convnet", max_batch=8)
    api = Api(inner, Catalogue(models, {}), small)
    many = np.tile(pictures, (7, 1, 1))[:MOST]
    found = tensors(ask(api, "POST", INFER, **as_bytes(many)))
    assert found["probabilities"].argmax(1).tolist() == [place % 10 for place in range(MOST)]


def changed(pictures: Pictures, *path: Any, value: Any) -> dict[str, Any]:
    """A good request with one thing in it changed; ... takes it out."""
    body = as_json(pictures, outputs=[{"name": "probabilities", "parameters": {}}], parameters={})
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body


IMAGES = ("inputs", 0)
SHAPE = "The shape of images must be [N, 28, 28] with N from 1 to 64, not "
PIXELS = "The data of images must be whole numbers from 0 (paper) to 255 (ink)."
COUNT = "The data of images must be 1,568 numbers for this shape, in one list or nested as [2, 28, 28]."
EITHER = "The input images must have either data or the parameter binary_data_size."
CLASSES = "classification must be a whole number from 1 to 10, not "
ONE_INPUT = "inputs must be a list of one object, the tensor images."


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("inputs",), ..., ONE_INPUT),
        (("inputs",), [], ONE_INPUT),
        (("inputs",), {}, ONE_INPUT),
        (("inputs",), None, ONE_INPUT),
        (("inputs",), [1], ONE_INPUT),
        (("inputs",), [{"name": "images"}, {"name": "images"}], ONE_INPUT),
        (("inputs",), [{}, {}], ONE_INPUT),
        ((*IMAGES, "name"), ..., "There is no input None. The one input is 'images'."),
        ((*IMAGES, "name"), "image", "There is no input 'image'. The one input is 'images'."),
        ((*IMAGES, "name"), "x" * 10_000, "There is no input 'xxxxxxxxxxxx...xxxxxxxxxxxxx'. The one input is 'images'."),
        ((*IMAGES, "datatype"), ..., "The datatype of images must be UINT8, not None."),
        ((*IMAGES, "datatype"), "FP32", "The datatype of images must be UINT8, not 'FP32'."),
        ((*IMAGES, "datatype"), "uint8", "The datatype of images must be UINT8, not 'uint8'."),
        ((*IMAGES, "datatype"), ["UINT8"], "The datatype of images must be UINT8, not ['UINT8']."),
        ((*IMAGES, "shape"), ..., SHAPE + "None."),
        *[
            ((*IMAGES, "shape"), shape, SHAPE + told + ".")
            for shape, told in [
                ([], "[]"),
                ([2], "[2]"),
                ([2, 784], "[2, 784]"),
                ([2, 1, 28, 28], "[2, 1, 28, 28]"),
                ([28, 28], "[28, 28]"),
                ([2, 28, 29], "[2, 28, 29]"),
                ([0, 28, 28], "[0, 28, 28]"),
                ([-1, 28, 28], "[-1, 28, 28]"),
                ([65, 28, 28], "[65, 28, 28]"),
                ([10**9, 28, 28], "[1000000000, 28, 28]"),
                ([2**64 - 1, 28, 28], "[18446744073709551615, 28, 28]"),
                ([2**64, 28, 28], "[1.8446744073709552e+19, 28, 28]"),
                ([2, 28.0, 28], "[2, 28.0, 28]"),
                ([True, 28, 28], "[True, 28, 28]"),
                (["2", 28, 28], "['2', 28, 28]"),
                ("2,28,28", "'2,28,28'"),
                ({"0": 2}, "{'0': 2}"),
                ([2, 28, 28] * 1000, "[2, 28, 28, 2, 28, 28, ...]"),
            ]
        ],
        ((*IMAGES, "shape", 0), 3, COUNT.replace("1,568", "2,352").replace("[2,", "[3,")),
        ((*IMAGES, "shape", 0), 1, COUNT.replace("1,568", "784").replace("[2,", "[1,")),
        ((*IMAGES, "data"), ..., EITHER),
        ((*IMAGES, "data"), [], COUNT),
        ((*IMAGES, "data"), None, EITHER),
        ((*IMAGES, "data"), "0" * 1568, COUNT),
        ((*IMAGES, "data"), {"0": 0}, COUNT),
        ((*IMAGES, "data"), 1568, COUNT),
        ((*IMAGES, "data"), [0] * 1567, COUNT),
        ((*IMAGES, "data"), [0] * 1569, COUNT),
        ((*IMAGES, "data"), [[0] * 784] * 2, COUNT),
        ((*IMAGES, "data"), [28, 28], COUNT),
        ((*IMAGES, "data"), [[28] * 28] * 2, COUNT),
        ((*IMAGES, "data", 1, 27), 28, COUNT),
        ((*IMAGES, "data", 1, 27), [0] * 27, COUNT),
        ((*IMAGES, "data", 1, 27), "0" * 28, COUNT),
        ((*IMAGES, "data", 1, 27, 27), 256, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), -1, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), 2**63, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), 1.0, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), True, PIXELS),
        ((*IMAGES, "data", 0, 0, 0), False, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), None, PIXELS),
        ((*IMAGES, "data", 1, 27, 27), "1", PIXELS),
        ((*IMAGES, "data", 1, 27, 27), [1], PIXELS),
        ((*IMAGES, "data", 1, 27, 27), {}, PIXELS),
        ((*IMAGES, "data"), [0] * 1567 + [True], PIXELS),
        ((*IMAGES, "data"), [0] * 1567 + [[0]], PIXELS),
        ((*IMAGES, "parameters"), [], "parameters must be an object, not []."),
        ((*IMAGES, "parameters"), {"binary_data_size": 1568}, EITHER),
        ((*IMAGES, "parameters"), {"binary_data_size": 1568.0}, "binary_data_size must be a whole number, not 1568.0."),
        ((*IMAGES, "parameters"), {"binary_data_size": True}, "binary_data_size must be a whole number, not True."),
        ((*IMAGES, "parameters"), {"shared_memory_region": "a"}, "Tensors in shared memory are not supported here."),
        (("id",), 42, "id must be a string, not 42."),
        (("parameters",), "x", "parameters must be an object, not 'x'."),
        (("parameters",), {"binary_data_output": 1}, "binary_data_output must be true or false, not 1."),
        (("outputs",), {"name": "scores"}, "outputs must be a list of objects."),
        (("outputs",), {}, "outputs must be a list of objects."),
        (("outputs",), 0, "outputs must be a list of objects."),
        (("outputs",), ["scores"], "outputs must be a list of objects."),
        (("outputs",), [{}], "There is no output None. Outputs: probabilities, scores."),
        (("outputs",), [{"name": ["scores"]}], "There is no output ['scores']. Outputs: probabilities, scores."),
        (("outputs",), [{"name": "evidence"}], "There is no output 'evidence'. Outputs: probabilities, scores."),
        (("outputs",), [{"name": "scores"}] * 2, "The output 'scores' is asked for twice."),
        (("outputs", 0, "parameters"), [], "parameters must be an object, not []."),
        (("outputs", 0, "parameters"), {"binary_data": "yes"}, "binary_data must be true or false, not 'yes'."),
        (("outputs", 0, "parameters"), {"classification": 0}, CLASSES + "0."),
        (("outputs", 0, "parameters"), {"classification": 11}, CLASSES + "11."),
        (("outputs", 0, "parameters"), {"classification": 1.5}, "classification must be a whole number, not 1.5."),
        (("outputs", 0, "parameters"), {"shared_memory_region": "a"}, "Tensors in shared memory are not supported here."),
    ],
)  # fmt: skip
def test_what_is_not_right_in_a_request_is_told(
    api: Api, pictures: Pictures, path: tuple[Any, ...], value: Any, message: str
) -> None:
    response = ask(api, "POST", INFER, json=changed(pictures[:2], *path, value=value))
    assert (response.status_code, response.json()) == (400, {"error": message})


@pytest.mark.parametrize(("name", "output"), [("reader", "evidence"), ("single_neuron", "scores")])
def test_an_output_without_classes_is_not_told_as_classes(api: Api, pictures: Pictures, name: str, output: str) -> None:
    outputs = [{"name": output, "parameters": {"classification": 1}}]
    response = ask(api, "POST", f"/v2/models/{name}/infer", json=as_json(pictures, outputs=outputs))
    assert (response.status_code, response.json()) == (400, {"error": f"The output {output!r} has no classes."})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The request is not JSON: it goes wrong at character 0."),
        (b"hello", "The request is not JSON: it goes wrong at character 0."),
        (b'{"inputs": NaN}', "The request is not JSON: it goes wrong at character 11."),
        (b'{"id": "\xff"}', "The request is not JSON: it goes wrong at character 0."),
        (b'{"id": "\\ud800"}', "The request is not JSON: it goes wrong at character 8."),
        (b"[]", "The request must be a JSON object."),
        (b"null", "The request must be a JSON object."),
        (b"1e400", "The request is not JSON: it goes wrong at character 0."),
    ],
)
def test_a_body_that_is_no_request_is_told(api: Api, body: bytes, message: str) -> None:
    response = ask(api, "POST", INFER, content=body)
    assert (response.status_code, response.json()) == (400, {"error": message})


@pytest.mark.parametrize("nested", ['{"inputs": %s}', '{"inputs": [{"name": "images", "data": %s}]}', '{"parameters": %s}'])
@pytest.mark.parametrize("inside", ["[", '{"a":'])
def test_a_body_that_is_nested_without_end_is_told(api: Api, nested: str, inside: str) -> None:
    for depth in (1_000, 50_000):
        body = nested % (inside * depth + "1" + {"[": "]"}.get(inside, "}") * depth)
        response = ask(api, "POST", INFER, content=body.encode())
        assert response.status_code == 400
        assert follows(response.json(), ERROR)
        assert len(response.text) < 300


@pytest.mark.parametrize(
    ("length", "size", "data", "message"),
    [
        (None, 784, 784, "The request is not JSON: it goes wrong at character {end}."),
        ("{end}", 784, 783, "783 bytes follow the JSON instead of 784; Inference-Header-Content-Length says where it ends."),
        ("{end}", 784, 785, "785 bytes follow the JSON instead of 784; Inference-Header-Content-Length says where it ends."),
        ("{end}", 784, 0, "0 bytes follow the JSON instead of 784; Inference-Header-Content-Length says where it ends."),
        ("{end}", 783, 783, "binary_data_size must be 784 for this shape, not 783."),
        ("{end}", 0, 0, "binary_data_size must be 784 for this shape, not 0."),
        ("{end}", -784, 784, "binary_data_size must be 784 for this shape, not -784."),
        ("{end}", 2**63, 784, "binary_data_size must be 784 for this shape, not 9,223,372,036,854,775,808."),
        ("{end}", None, 784, EITHER),
        ("0", 784, 784, "The request is not JSON: it goes wrong at character 0."),
        *[
            (length, 784, 784, "Inference-Header-Content-Length must say how many of the body's {all} bytes are JSON.")
            for length in ("-1", "x", "", "1e2", "9" * 5000, "{past}", "٣", "1 ")
        ],
    ],
)  # fmt: skip
def test_bytes_that_do_not_fit_what_is_announced_are_told(
    api: Api, length: str | None, size: int | None, data: int, message: str
) -> None:
    parameters = {} if size is None else {"binary_data_size": size}
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "parameters": parameters}
    text = json.dumps({"inputs": [tensor]}).encode()
    known = {"end": len(text), "past": len(text) + data + 1, "all": len(text) + data}
    headers = {} if length is None else {"inference-header-content-length": length.format(**known).encode()}
    response = ask(api, "POST", INFER, content=text + bytes(data), headers=headers)
    assert (response.status_code, response.json()) == (400, {"error": message.format(**known)})


def test_bytes_behind_a_request_that_has_its_data_in_json_are_told(api: Api, pictures: Pictures) -> None:
    text = json.dumps(as_json(pictures[:1])).encode()
    headers = {"inference-header-content-length": str(len(text))}
    assert ask(api, "POST", INFER, content=text, headers=headers).status_code == 200
    response = ask(api, "POST", INFER, content=text + b"x", headers=headers)
    expected = "1 bytes follow the JSON instead of 0; Inference-Header-Content-Length says where it ends."
    assert (response.status_code, response.json()) == (400, {"error": expected})


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_lists_without_number_are_not_even_read(api: Api, bracket: str) -> None:
    body = f'{{"inputs": [{",".join([bracket] * 5_000)}]}}'
    response = ask(api, "POST", INFER, content=body.encode())
    expected = "The request has more lists and objects than any that can be answered."
    assert (response.status_code, response.json()) == (400, {"error": expected})


PACKED = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_is_unpacked(api: Api, pictures: Pictures, encoding: str) -> None:
    options = as_bytes(pictures)
    plain = ask(api, "POST", INFER, **options)
    headers = options["headers"] | {"content-encoding": encoding}
    packed = ask(api, "POST", INFER, content=PACKED[encoding](options["content"]), headers=headers)
    assert (packed.status_code, packed.content) == (200, plain.content)


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("flaw", ["cut", "more", "none", "empty", "other"])
def test_a_body_that_is_not_packed_as_it_says_is_told(api: Api, pictures: Pictures, encoding: str, flaw: str) -> None:
    text = json.dumps(as_json(pictures[:1])).encode()
    packed = PACKED[encoding](text)
    other = PACKED["deflate" if encoding == "gzip" else "gzip"](text)
    body = {"cut": packed[:-5], "more": packed + b"x", "none": text, "empty": b"", "other": other}[flaw]
    response = ask(api, "POST", INFER, content=body, headers={"content-encoding": encoding})
    assert response.status_code == 400
    assert response.json()["error"].endswith(f"{encoding}, as its Content-Encoding says.")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "x" * 1000])
def test_an_encoding_that_is_not_understood_is_told(api: Api, encoding: str) -> None:
    response = ask(api, "POST", INFER, content=b"{}", headers={"content-encoding": encoding})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "gzip, deflate"
    assert response.json() == {"error": "The body may be encoded as gzip or deflate, or not at all."}


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_that_is_longer_than_any_request_is_refused_however_small_it_was_packed(api: Api, packed: bool) -> None:
    body = b" " * 10 * 2**20
    content, headers = (gzip.compress(body), {"content-encoding": "gzip"}) if packed else (body, {})
    response = ask(api, "POST", INFER, content=content, headers=headers)
    assert response.status_code == 413
    assert response.json() == {"error": "A request may have 366,592 bytes here at most."}


def test_a_small_body_that_unpacks_to_a_large_one_costs_no_more_memory_than_is_allowed(api: Api) -> None:
    bomb = gzip.compress(bytes(50 * 2**20))
    tracemalloc.start()
    try:
        assert ask(api, "POST", INFER, content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()


def test_as_many_pictures_as_are_allowed_fit_a_request_however_they_are_written(api: Api) -> None:
    most = np.full((MOST, 28, 28), 255, np.uint8)
    assert ask(api, "POST", INFER, content=json.dumps(as_json(most)).encode()).status_code == 200
    assert ask(api, "POST", INFER, **as_bytes(most)).status_code == 200


class Counted:
    """A session that counts how often its scores were computed."""

    def __init__(self, session: Session) -> None:
        self._session, self.scored = session, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def outputs(self, pictures: Pictures) -> Outputs:
        self.scored += 1
        return self._session.outputs(pictures)


def test_who_does_not_ask_for_scores_does_not_pay_for_them(model: Model, pictures: Pictures) -> None:
    session = Counted(model.session)
    api = Api(
        inner, Catalogue({"convnet": replace(model, session=session)}, {}), Settings(models=find_models(), model="convnet")
    )
    assert ask(api, "GET", "/v2/models/convnet").status_code == 200
    before = session.scored
    asked = as_json(pictures, outputs=[{"name": "probabilities"}])
    assert ask(api, "POST", INFER, json=asked).status_code == 200
    assert session.scored == before
    assert ask(api, "POST", INFER, json=as_json(pictures)).status_code == 200
    assert session.scored == before + 1


def test_our_own_bug_is_told_without_detail(
    api: Api, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.http.openinference.handlers.answer", fail)
    response = ask(api, "POST", INFER, json=as_json(pictures))
    assert (response.status_code, response.json()) == (500, {"error": "Something went wrong here. It was logged."})
    assert "secret detail" in caplog.text


def test_a_request_without_its_key_is_told_in_the_protocols_form(models: dict[str, Model]) -> None:
    closed = Settings(models=find_models(), model="convnet", api_keys=("key",))
    api = Api(inner, Catalogue(models, {}), closed)
    response = ask(api, "GET", "/v2/models/convnet")
    assert response.status_code == 401
    assert follows(response.json(), ERROR)
    assert ask(api, "GET", "/v2/models/convnet", headers={"x-api-key": "key"}).status_code == 200


def test_overload_is_told_with_the_time_to_come_back(models: dict[str, Model], pictures: Pictures) -> None:
    crowded = Api(inner, Catalogue(models, {}), Settings(models=find_models(), model="convnet", max_waiting=4))
    response = ask(crowded, "POST", INFER, json=as_json(pictures[:5]))
    assert (response.status_code, list(response.json())) == (503, ["error"])
    assert response.headers["retry-after"] == "1"
    assert isinstance(response.json()["error"], str)
    for _ in range(3):
        assert ask(crowded, "POST", INFER, json=as_json(pictures[:4])).status_code == 200, "it was let go of again"


def test_pictures_of_both_ways_in_count_together(models: dict[str, Model], pictures: Pictures, digits: list[bytes]) -> None:
    crowded = Api(inner, Catalogue(models, {}), Settings(models=find_models(), model="convnet", max_waiting=10))

    async def go() -> list[int]:
        transport = httpx.ASGITransport(crowded)
        async with httpx.AsyncClient(transport=transport, base_url="http://digits") as client:
            tensors = [client.post(INFER, **as_bytes(pictures[:6])) for _ in range(4)]
            files = [client.post("/predict", files=[("f", data) for data in digits[:6]]) for _ in range(4)]
            return [response.status_code for response in await asyncio.gather(*tensors, *files)]

    codes = asyncio.run(go())
    assert set(codes) == {200, 503}, codes


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["images", "UINT8", "scores", [1, 28, 28], [0] * 784, [[[0] * 28] * 28], 784, 10]),
)  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from(["binary_data_size", "binary_data", "binary_data_output", "classification", "x"]), ODD, max_size=3
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("images") | ODD,
        "datatype": st.just("UINT8") | ODD,
        "shape": st.just([1, 28, 28]) | st.lists(st.integers(-1, 30), max_size=4) | ODD,
        "data": st.just([0] * 784) | st.lists(ODD, max_size=3) | ODD,
        "parameters": PARAMETERS | ODD,
    },
)
WANTED = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["scores", "probabilities"]) | ODD, "parameters": PARAMETERS | ODD}
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | ODD,
        "parameters": PARAMETERS | ODD,
        "inputs": st.lists(TENSORS, min_size=1, max_size=1) | st.lists(TENSORS | ODD, max_size=3) | ODD,
        "outputs": st.lists(WANTED, max_size=2) | ODD,
    },
)
JSON = st.recursive(ODD, lambda inside: st.lists(inside) | st.dictionaries(st.text(max_size=5), inside), max_leaves=20)


@settings(max_examples=300, deadline=None)
@given(
    text=st.binary(max_size=200) | (REQUESTS | JSON).map(lambda value: json.dumps(value).encode()),
    more=st.binary(max_size=20) | st.just(bytes(784)),
    header=st.none() | st.integers(-1, 2000) | st.just("right"),
    encoding=st.sampled_from(["", "", "", "gzip", "deflate", "br"]),
)
def test_whatever_is_sent_is_answered_or_told_what_is_wrong(
    api: Api, text: bytes, more: bytes, header: int | str | None, encoding: str
) -> None:
    headers = {"content-encoding": encoding} if encoding else {}
    if header is not None:
        headers["inference-header-content-length"] = str(len(text) if header == "right" else header)
    response = ask(api, "POST", INFER, content=text + more, headers=headers)
    if response.status_code == 200:
        assert tensors(response)
    else:
        assert response.status_code in {400, 415}, response.text
        assert follows(response.json(), ERROR)


# With NVIDIA's client, over a socket.


@pytest.fixture(scope="module")
def started() -> Iterator[Started]:
    environment = os.environ | {"DIGITS_MODELS": str(ROOT / "models"), "DIGITS_MAX_FILES": "128"}
    with service("--workers", "2", environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def client(started: Started) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{started.port}", concurrency=8) as client:
        yield client


def given_to(pictures: Pictures, *, binary: bool = True, datatype: str = "UINT8") -> list[triton.InferInput]:
    tensor = triton.InferInput("images", list(pictures.shape), datatype)
    tensor.set_data_from_numpy(pictures, binary_data=binary)
    return [tensor]


def test_a_foreign_client_finds_the_server_and_its_models_ready(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("reader")
    (version,) = client.get_model_metadata("reader")["versions"]
    assert client.is_model_ready("reader", version)
    assert client.get_model_metadata("reader", version) == client.get_model_metadata("reader")
    assert not client.is_model_ready("reader", "1")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "digits"
    index = client.get_model_repository_index()
    assert {entry["name"]: entry["state"] for entry in index} == {
        path.parent.name: "READY" for path in (ROOT / "models").glob("*/card.json")
    }


@pytest.mark.parametrize("name", ["reader", "convnet", "single_neuron", "fashion_mlp", "convnet_batchnorm"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_foreign_client_reads_the_models_own_numbers(
    client: triton.InferenceServerClient, pictures: Pictures, name: str, binary: bool
) -> None:
    session = load_model(ROOT / "models" / name).session
    asked = ["probabilities", "scores", *(["evidence"] if session.has_evidence else [])]
    outputs = [triton.InferRequestedOutput(output, binary_data=binary) for output in asked]
    result = client.infer(name, given_to(pictures, binary=binary), outputs=outputs, request_id="one")
    unasked = client.infer(name, given_to(pictures, binary=binary))
    assert result.get_response()["id"] == "one"
    for output, expected in zip(asked, session.outputs(pictures), strict=True):
        np.testing.assert_array_equal(result.as_numpy(output), expected, strict=True)
        np.testing.assert_array_equal(unasked.as_numpy(output), expected, strict=True)


def test_a_foreign_client_asks_for_classes_and_packs_its_requests(
    client: triton.InferenceServerClient, pictures: Pictures
) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=1)]
    for packing in (None, "gzip", "deflate"):
        result = client.infer(
            "fashion_mlp", given_to(pictures), outputs=outputs, request_compression_algorithm=packing,
            response_compression_algorithm="gzip",
        )  # fmt: skip
        found = [text.decode().split(":") for text in result.as_numpy("probabilities").reshape(-1)]
        card = load_model(ROOT / "models" / "fashion_mlp").card
        assert all(name == card.classes[int(place)] and 0.1 < float(value) <= 1 for value, place, name in found)


def test_a_foreign_clients_requests_at_once_get_their_own_answers(
    client: triton.InferenceServerClient, pictures: Pictures
) -> None:
    waiting = [client.async_infer("reader", given_to(pictures[place % 10 :][:1])) for place in range(200)]
    answers = [int(one.get_result().as_numpy("probabilities").argmax()) for one in waiting]
    assert answers == [place % 10 for place in range(200)]


@pytest.mark.parametrize(
    ("name", "version", "count", "datatype", "outputs", "status", "message"),
    [
        ("none", "", 1, "UINT8", None, "404", "There is no model 'none'. Models: champion, "),
        ("convnet", "1", 1, "UINT8", None, "404", "The version of the model 'convnet' is "),
        ("convnet", "", 129, "UINT8", None, "400", SHAPE.replace("64", "128") + "[129, 28, 28]."),
        ("convnet", "", 1, "FP32", None, "400", "The datatype of images must be UINT8, not 'FP32'."),
        ("convnet", "", 1, "UINT8", "nothing", "400", "There is no output 'nothing'. Outputs: probabilities, scores."),
    ],
)  # fmt: skip
def test_a_foreign_client_is_told_what_is_wrong(
    client: triton.InferenceServerClient, name: str, version: str, count: int, datatype: str, outputs: str | None,
    status: str, message: str,
) -> None:  # fmt: skip
    blank = np.zeros((count, 28, 28), np.float32 if datatype == "FP32" else np.uint8)
    asked = [triton.InferRequestedOutput(outputs)] if outputs else None
    with pytest.raises(InferenceServerException) as caught:
        client.infer(name, given_to(blank, datatype=datatype), model_version=version, outputs=asked)
    assert caught.value.status() == status
    assert caught.value.message().startswith(message)
