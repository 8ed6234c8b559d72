"""GET /docs.json: a valid document that has every route and no other, and whose examples are answered as it says."""

import asyncio
import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import httpx
import jsonschema
import numpy as np
import openapi_spec_validator
import pytest
import started
from started import Started

from serving.catalogue import Catalogue, Model
from serving.decision import Verdict
from serving.http.api import Api
from serving.http.openinference.request import HEADER
from serving.outcome import Blank, Prediction, Rejection, status
from serving.reading import Reason
from serving.settings import Settings, find_models
from serving.version import VERSION

ROOT = Path(__file__).parents[2]
METHODS = {"get", "post", "put", "patch", "delete"}
SEVEN_EIGHTY_FOUR = 28 * 28

Document = dict[str, Any]


class Operation(NamedTuple):
    path: str
    method: str
    told: Document

    @property
    def url(self) -> str:
        """The path with the document's examples for its parts."""
        values = {one["name"]: one["example"] for one in self.told.get("parameters", []) if one["in"] == "path"}
        return self.path.format(**values)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    environment = os.environ | {"DIGITS_MODELS": str(ROOT / "models")}
    with started.service(environment=environment, folder=tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def document(service: Started) -> Document:
    return httpx.get(service.url + "/docs.json").raise_for_status().json()


def operations(document: Document) -> list[Operation]:
    return [
        Operation(path, method, told)
        for path, item in document["paths"].items()
        for method, told in item.items()
        if method in METHODS
    ]


def check(value: Any, schema: Document, document: Document) -> None:
    """Raises jsonschema.ValidationError."""
    jsonschema.validate(value, schema | {"components": document["components"]}, jsonschema.Draft202012Validator)


def requests_of(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """The examples of an operation's requests by their names, as httpx takes them; one without a body where it has none."""
    content = operation.told.get("requestBody", {}).get("content", {})
    examples = [(kind, name, one) for kind, media in content.items() for name, one in media.get("examples", {}).items()]
    for kind, name, one in examples:
        if "value" in one:
            yield name, {"json": one["value"]}
            continue
        about, data = one["externalValue"].removeprefix("data:").split(";base64,")
        body, headers = base64.b64decode(data), {"content-type": about}
        assert re.fullmatch(kind.replace("*", ".*"), about.split(";")[0])
        if kind == "application/octet-stream" and "/v2/" in operation.path:
            headers[HEADER] = str(len(body) - SEVEN_EIGHTY_FOUR)
            assert one["summary"] == f"{HEADER}: {headers[HEADER]}"
        yield name, {"content": body, "headers": headers}
    if not examples:
        yield "answer", {}


def test_the_document_is_valid_and_of_this_version(document: Document) -> None:
    openapi_spec_validator.validate(document)
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", VERSION)
    identities = [operation.told["operationId"] for operation in operations(document)]
    assert len(identities) == len(set(identities))


def test_it_has_every_route_with_its_methods_and_no_other(document: Document, model: Model) -> None:
    routes = Api(None, Catalogue({"convnet": model}, {}), Settings(models=find_models(), model="convnet"))._routes  # noqa: SLF001
    table = [*routes._fixed.values(), *(route for _, route in routes._patterns)]  # noqa: SLF001
    there = {(route.pattern, method.lower()) for route in table for method in route.handlers}
    assert {(operation.path, operation.method) for operation in operations(document)} == there


def test_what_it_does_not_have_is_answered_404_and_405_as_it_says(service: Started, document: Document) -> None:
    answers = document["components"]["responses"]
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(document):
        by_path.setdefault(operation.path, []).append(operation)
    with httpx.Client(base_url=service.url) as client:
        for alike in by_path.values():
            allowed = {operation.method for operation in alike}
            for method in METHODS - allowed:
                response = client.request(method, alike[0].url)
                assert response.status_code == 405, (method, alike[0].url)
                assert {one.strip().lower() for one in response.headers["allow"].split(",")} == allowed
                told = answers["ProtocolMethodNotAllowed" if alike[0].path.startswith("/v2") else "MethodNotAllowed"]
                check(response.json(), told["content"]["application/json"]["schema"], document)
        for path, form in (("/nowhere", "Error"), ("/v2/nowhere", "ProtocolError")):
            response = client.get(path)
            assert response.status_code == 404
            check(response.json(), {"$ref": f"#/components/schemas/{form}"}, document)


def test_every_example_of_an_answer_has_the_shape_that_is_told(document: Document) -> None:
    checked = 0
    for operation in operations(document):
        for answer in operation.told["responses"].values():
            for media in answer.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    check(example["value"], media["schema"], document)
                    checked += 1
    assert checked > 30


def test_every_example_of_a_request_is_answered_as_it_says(service: Started, document: Document) -> None:
    of_all_models = {"models", "readyz", "model_index"}  # the examples know of the default alone
    compared = set()
    with httpx.Client(base_url=service.url) as client:
        for operation in operations(document):
            for name, options in requests_of(operation):
                response = client.request(operation.method, operation.url, **options)
                answer = operation.told["responses"][str(response.status_code)]
                kind = response.headers["content-type"].split(";")[0]
                media = answer["content"][kind]
                pattern = document["components"]["headers"]["RequestId"]["schema"]["pattern"]
                assert re.fullmatch(pattern, response.headers["x-request-id"])
                if kind == "application/json":
                    check(response.json(), media["schema"], document)
                example = media.get("examples", {}).get(name)
                if example and operation.told["operationId"] not in of_all_models and "content" not in options:
                    assert response.json() == example["value"], operation
                    compared.add(operation.path)
                elif example and operation.path == "/predict":
                    assert response.json() == example["value"], name
                    compared.add(operation.path)
    assert compared >= {"/predict", "/models/{name}", "/livez", "/v2", "/v2/models/{name}/infer"}


def test_the_example_of_the_parameters_is_answered_as_it_says(service: Started, document: Document) -> None:
    told = document["paths"]["/predict"]["post"]
    values = {one["name"]: one["example"] for one in told["parameters"]}
    body = dict(requests_of(Operation("/predict", "post", told)))["picture"]
    response = httpx.post(service.url + "/predict", params=values, **body)
    examples = told["responses"]["200"]["content"]["application/json"]["examples"]
    assert response.json() == examples["top_and_seen"]["value"]
    assert len(response.json()["predictions"][0]["top"]) == values["top"]


def test_the_statuses_and_reasons_of_an_answer_are_all_there_are(document: Document) -> None:
    picture = np.zeros((28, 28), np.uint8)
    verdicts = [Prediction(verdict, 0, [0.1] * 10, picture) for verdict in get_args(Verdict)]
    outcomes = [*verdicts, Blank(picture), Rejection(Reason.EMPTY)]
    told = document["components"]["schemas"]["Answer"]["properties"]
    assert told["status"]["enum"] == [status(outcome) for outcome in outcomes]
    assert told["reason"]["anyOf"][0]["enum"] == [reason.value for reason in Reason]


READ = {"status": "digit", "digit": 7, "name": "7", "confidence": 0.9, "probabilities": [0.1] * 10}
NOT_READ = {"digit": None, "name": None, "confidence": None, "probabilities": None}
TELLS_WHY = {"reason": "empty", "message": "The file is empty."}
TELLS_NOT_WHY = {"reason": None, "message": None}


@pytest.mark.parametrize(
    ("answer", "is_one"),
    [
        (READ | TELLS_NOT_WHY, True),
        (NOT_READ | TELLS_NOT_WHY | {"status": "blank"}, True),
        (NOT_READ | TELLS_WHY | {"status": "rejected"}, True),
        (READ | TELLS_WHY, False),
        (READ | TELLS_WHY | {"status": "rejected"}, False),
        (NOT_READ | TELLS_NOT_WHY, False),
        (NOT_READ | TELLS_NOT_WHY | {"status": "rejected"}, False),
        (NOT_READ | TELLS_WHY | {"status": "blank"}, False),
        (READ | TELLS_NOT_WHY | {"digit": 10}, False),
        (READ | TELLS_NOT_WHY | {"probabilities": [0.1] * 9}, False),
        (READ | TELLS_NOT_WHY | {"status": "certain"}, False),
        (READ | TELLS_NOT_WHY | {"more": 1}, False),
    ],
)
def test_the_schema_of_an_answer_lets_no_other_through(document: Document, answer: Document, is_one: bool) -> None:
    whole = {"source": "a.png", "index": 0, "model": "reader@0123456789ab"} | answer
    schema = document["components"]["schemas"]["Answer"]
    assert jsonschema.Draft202012Validator(schema | {"components": document["components"]}).is_valid(whole) == is_one


def test_where_a_key_is_needed_it_says_so_and_nowhere_else(model: Model) -> None:
    settings = Settings(models=find_models(), model="convnet", api_keys=("secret",))
    api = Api(None, Catalogue({"convnet": model}, {}), settings)

    async def statuses() -> tuple[Document, dict[tuple[str, str], int]]:
        transport = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://digits") as client:
            document = (await client.get("/docs.json", headers={"authorization": "Bearer secret"})).json()
            found = [(one, await client.request(one.method, one.url)) for one in operations(document)]
            return document, {(one.path, one.method): response.status_code for one, response in found}

    document, found = asyncio.run(statuses())
    for operation in operations(document):
        needed = found[operation.path, operation.method] == 401
        assert needed == ("401" in operation.told["responses"]) == (operation.told.get("security") is not None)
    assert {"/predict", "/docs.json"} <= {path for (path, _), code in found.items() if code == 401}
    assert found["/livez", "get"] == 200
