"""GET /docs.json: every route as OpenAPI 3.1, made of the code's own types, errors and limits."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from http import HTTPStatus
from importlib import metadata
from typing import Any

import orjson

from serving.catalogue import Model
from serving.http import errors, guard
from serving.http.errors import HttpError
from serving.http.examples import WANTED, Example, Examples
from serving.http.health import ALIVE
from serving.http.messages import Request, Response, json_response
from serving.http.page import Asset
from serving.http.schemas import FILE, IDENTITY, SCHEMAS, TEXT, Schema, closed, list_of, map_of, reference
from serving.settings import Settings

JSON = "application/json"
ABOUT = """\
Pictures of digits in, an object for each of them out.

Refusals are values: a file that cannot be read has an answer with a reason, and never changes its neighbours' answers. A
request that as a whole cannot be answered gets one object, `error`, with a code and a message.

Beside the answers of each operation, every path answers 405 with `Allow` to a method that it does not have, and a path that
there is not is a 404, both with such an object. HEAD is answered wherever GET is.
"""
COMPONENTS: dict[str, Any] = {
    "schemas": SCHEMAS,
    "headers": {
        "RequestId": {
            "description": "The request's identity: the one it came with, or one of ours.",
            "required": True,
            "schema": {"type": "string", "pattern": "^[0-9A-Za-z_.:-]{1,64}$"},
        },
        "RetryAfter": {
            "description": "Seconds after which to come again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
    },
    "parameters": {
        "RequestId": {
            "name": "x-request-id",
            "in": "header",
            "description": "An identity of 1 to 64 letters, digits and any of _ . : - for the logs; any other is replaced.",
            "schema": TEXT,
        },
    },
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service is given keys."},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, told otherwise."},
    },
}

_UNKNOWN_MODEL = errors.unknown_model("There is no model 'none'. Models: convnet, reader")

Operation = dict[str, Any]
Paths = dict[str, dict[str, Operation]]


class Documentation:
    """The handler of GET /docs.json."""

    def __init__(self, settings: Settings, model: Model, assets: Mapping[str, Asset]) -> None:
        """Its arguments are those of `document`."""
        self._response = json_response(document(settings, model, assets))

    async def __call__(self, _request: Request) -> Response:
        """The document."""
        return self._response


def document(settings: Settings, model: Model, assets: Mapping[str, Asset]) -> dict[str, Any]:
    """The whole document. model: the default, by which the examples are answered. assets: the page's files, by path."""
    examples = Examples(model, settings.limits)
    paths = _predict(settings, examples) | _models(model) | _probes(model) | _own() | _page(assets)
    guarded = paths.keys() - guard.OPEN - assets.keys() if settings.api_keys else ()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": metadata.version("digits"),
            "summary": "Pictures of digits in, answers out.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {path: _finished(operations, guarded=path in guarded) for path, operations in paths.items()},
        "components": COMPONENTS | {"responses": {"MethodNotAllowed": _refusals(errors.method_not_allowed("GET"))["405"]}},
    }


def _predict(settings: Settings, examples: Examples) -> Paths:
    limits, files = settings.limits, {"files": examples.files, "unreadable": examples.unreadable}
    form = {
        "type": "object",
        "additionalProperties": {"anyOf": [FILE, list_of(FILE)]},
        "description": f"Files under any names, {settings.max_files} at most. Fields that are no files are passed over.",
    }
    description = (
        f"PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF, each of at most {limits.max_bytes:,} bytes and {limits.max_pixels:,} "
        f"pixels; the request of at most {settings.max_body_bytes:,} bytes and {settings.max_request_pixels:,} pixels, "
        f"complete within {settings.body_seconds} seconds."
    )
    content = {
        "multipart/form-data": {"schema": form, "examples": _requests(files)},
        "image/*": {"schema": FILE, "examples": _requests({"picture": examples.picture})},
        "application/octet-stream": {"schema": FILE, "examples": _requests({"picture": examples.octets})},
    }
    read = {"files": examples.files.answer, "picture": examples.picture.answer, "top_and_seen": examples.more}
    refused = (
        errors.no_picture(),
        errors.bad_parameter("top must be a whole number from 0 to 10."),
        errors.malformed("its boundary does not occur"),
        _UNKNOWN_MODEL,
        errors.too_slow(settings.body_seconds),
        errors.too_many_bytes(settings.max_body_bytes),
        errors.too_many_files(settings.max_files),
        errors.too_many_pixels(settings.max_request_pixels),
        errors.unsupported_media_type(),
        errors.overloaded(),
    )
    operation = {
        "operationId": "predict",
        "summary": "Ask about pictures.",
        "parameters": [
            _parameter("model", TEXT, "The model that is to answer; the default where it is left out.", examples.model),
            _parameter("top", {"type": "integer", "minimum": 0, "maximum": 10}, "How many classes `top` tells.", WANTED.top),
            _parameter("seen", {"type": "integer", "enum": [0, 1]}, "Whether `seen` is told.", int(WANTED.seen)),
        ],
        "requestBody": {"required": True, "description": description, "content": content},
        "responses": {
            "200": _answer("At least one picture was read.", reference("Answers"), **read),
            "422": _answer("No picture could be read.", reference("Answers"), unreadable=examples.unreadable.answer),
            **_refusals(*refused),
        },
    }
    return {"/predict": {"post": operation}}


def _models(model: Model) -> Paths:
    card, name = asdict(model.card), model.card.name
    cards = closed({"default": TEXT, "models": list_of(reference("Card")), "refused": reference("Refused")})
    told = {"default": name, "models": [card], "refused": {}}
    named = {**_parameter("name", TEXT, "A model's name.", name), "in": "path", "required": True}
    return {
        "/models": {"get": _get("models", "Every model's card, and why others are not served.", cards, told)},
        "/models/{name}": {
            "get": _get("model", "One model's card.", reference("Card"), card, _UNKNOWN_MODEL) | {"parameters": [named]}
        },
    }


def _probes(model: Model) -> Paths:
    alive, told = closed({"status": {"const": "alive"}}), orjson.loads(ALIVE.body)
    ready = closed({"status": {"const": "ready"}, "models": map_of(IDENTITY), "refused": reference("Refused")})
    models = {"status": "ready", "models": {model.card.name: model.identity}, "refused": {}}
    return {
        "/livez": {"get": _get("livez", "Whether the service answers.", alive, told)},
        "/healthz": {"get": _get("healthz", "The same as /livez.", alive, told)},
        "/readyz": {"get": _get("readyz", "Which models answer, after each has been run once.", ready, models)},
    }


def _own() -> Paths:
    return {"/docs.json": {"get": _get("docs", "This document.", {"type": "object"})}}


def _page(assets: Mapping[str, Asset]) -> Paths:
    return {path: {"get": _file(path, asset)} for path, asset in assets.items()}


def _file(path: str, asset: Asset) -> Operation:
    etag = {"ETag": {"required": True, "schema": TEXT}}
    media = asset.content_type.split(";", maxsplit=1)[0]
    return {
        "operationId": "page" + "".join(letter if letter.isalnum() else "_" for letter in path).rstrip("_"),
        "summary": "The page: draw a digit, and see what every model makes of it." if path == "/" else "A file of the page.",
        "responses": {
            "200": {"description": "The file.", "headers": etag, "content": {media: {"schema": TEXT}}},
            "304": {"description": "The file is the one that If-None-Match names.", "headers": etag},
        },
    }


def _get(identity: str, summary: str, schema: Schema, example: object = None, *refused: HttpError) -> Operation:
    answer = _answer(summary, schema, **({} if example is None else {"answer": example}))
    return {"operationId": identity, "summary": summary, "responses": {"200": answer, **_refusals(*refused)}}


def _answer(description: str, schema: Schema, **examples: object) -> Operation:
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"description": description, "content": {JSON: content}}


def _parameter(name: str, schema: Schema, description: str, example: object) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, "example": example}


def _requests(examples: Mapping[str, Example]) -> dict[str, Any]:
    return {name: {"summary": one.summary, "externalValue": one.uri} for name, one in examples.items()}


def _refusals(*refused: HttpError) -> dict[str, Any]:
    """Answers by their status, each with every error there is of it as an example."""
    statuses = dict.fromkeys(error.status for error in refused)
    return {str(status): _refusal([error for error in refused if error.status == status]) for status in statuses}


def _refusal(alike: Collection[HttpError]) -> dict[str, Any]:
    (status,) = {error.status for error in alike}
    codes = {"properties": {"error": {"properties": {"code": {"enum": [error.code for error in alike]}}}}}
    examples = {error.code: orjson.loads(error.response().body) for error in alike}
    told = _answer(HTTPStatus(status).phrase, {"allOf": [reference("Error"), codes]}, **examples)
    names = {name for error in alike for name, _ in error.headers}
    headers: dict[str, Any] = {}
    if b"retry-after" in names:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    for name in names & {b"allow", b"www-authenticate"}:
        headers[name.decode().title()] = {"required": True, "schema": TEXT}
    return told | {"headers": headers}


def _finished(operations: dict[str, Operation], *, guarded: bool) -> dict[str, Any]:
    """The operations of a path with what all of them have, and a key where one is needed."""
    for operation in operations.values():
        if guarded:
            operation["security"] = [{"bearer": []}, {"key": []}]
            operation["responses"] |= _refusals(errors.unauthorised())
        for response in operation["responses"].values():
            response.setdefault("headers", {})["x-request-id"] = {"$ref": "#/components/headers/RequestId"}
    return {"parameters": [{"$ref": "#/components/parameters/RequestId"}], **operations}
