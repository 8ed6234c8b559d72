"""API keys and cross-origin requests, in process."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.catalogue import Catalogue, Model
from serving.http.api import Api
from serving.settings import SettingInvalid, Settings, find_models, from_environment


async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("nothing of this is the framework's")


def ask(model: Model, method: str, path: str, headers: dict[str, str], data: bytes = b"", **settings: Any) -> httpx.Response:
    api = Api(inner, Catalogue({"convnet": model}, {}), Settings(models=find_models(), model="convnet", **settings))

    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://digits") as client:
            return await client.request(method, path, content=data, headers=headers)

    return asyncio.run(go())


PNG = {"content-type": "image/png"}
KEYS = ("first", "second")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer first"}, 200),
        ({"authorization": "bearer  second"}, 200),
        ({"x-api-key": "second"}, 200),
        ({}, 401),
        ({"authorization": "Bearer firs"}, 401),
        ({"authorization": "Bearer firstt"}, 401),
        ({"authorization": "Basic first"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": "first,second"}, 401),
        ({"x-api-key": "FIRST"}, 401),
        ({"x-api-key": "\xe4"}, 401),
    ],
)
def test_a_key_opens(model: Model, digits: list[bytes], headers: dict[str, str], status: int) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    response = ask(model, "POST", "/predict", PNG | raw, digits[7], api_keys=KEYS)  # type: ignore[operator]
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["code"] == "unauthorised"
        assert response.headers["www-authenticate"] == "Bearer"


def test_what_needs_no_key(model: Model) -> None:
    for path in ("/livez", "/healthz", "/readyz", "/"):
        assert ask(model, "GET", path, {}, api_keys=KEYS).status_code == 200
    for path in ("/models", "/models/convnet", "/nowhere"):
        assert ask(model, "GET", path, {}, api_keys=KEYS).status_code == 401
        assert ask(model, "GET", path, {}).status_code in {200, 404}


def test_other_origins_are_told_nothing_unless_they_are_named(model: Model) -> None:
    ours, theirs = {"origin": "https://ours.example"}, {"origin": "https://theirs.example"}
    assert "access-control-allow-origin" not in ask(model, "GET", "/models", ours).headers
    named = ask(model, "GET", "/models", ours, cors_origins=("https://ours.example",)).headers
    assert named["access-control-allow-origin"] == "https://ours.example"
    assert named["vary"] == "origin"
    other = ask(model, "GET", "/models", theirs, cors_origins=("https://ours.example",)).headers
    assert "access-control-allow-origin" not in other
    assert other["vary"] == "origin"
    assert ask(model, "GET", "/models", theirs, cors_origins=("*",)).headers["access-control-allow-origin"] == "*"


def test_a_preflight_needs_no_key_and_an_error_is_readable(model: Model) -> None:
    asking = {"origin": "https://ours.example", "access-control-request-method": "POST"}
    allowed = {"api_keys": KEYS, "cors_origins": ("https://ours.example",)}
    response = ask(model, "OPTIONS", "/predict", asking, **allowed)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "https://ours.example"
    assert "x-api-key" in response.headers["access-control-allow-headers"]
    refused = ask(model, "POST", "/predict", {"origin": "https://ours.example"} | PNG, **allowed)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://ours.example"
    assert ask(model, "OPTIONS", "/predict", asking).status_code == 405, "off unless it is configured"


def test_keys_come_of_the_environment_and_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\none\n\n two \n")
    told = from_environment({"DIGITS_API_KEYS": "three, four,", "DIGITS_API_KEYS_FILE": str(file)})
    assert told.api_keys == ("three", "four", "one", "two")
    assert from_environment({}).api_keys == ()
    assert from_environment({"DIGITS_CORS_ORIGINS": "https://a.example,*"}).cors_origins == ("https://a.example", "*")
    file.write_text("# nothing\n")
    with pytest.raises(SettingInvalid, match="holds no key"):  # it would otherwise be open to everybody
        from_environment({"DIGITS_API_KEYS_FILE": str(file)})
    with pytest.raises(SettingInvalid, match="cannot be read"):
        from_environment({"DIGITS_API_KEYS_FILE": str(tmp_path / "none")})
