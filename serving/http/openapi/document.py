"""The whole document, and the operations that are no protocol's."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from serving.catalogue import Model
from serving.http import errors, guard, openinference
from serving.http.health import ALIVE
from serving.http.messages import Request, Response, json_response
from serving.http.openapi import inference
from serving.http.openapi.examples import WANTED, Example, Examples
from serving.http.openapi.parts import OURS, UNKNOWN_MODEL, Described, Paths, answer, get, parameter, refusals
from serving.http.openapi.schemas import FILE, IDENTITY, SCHEMAS, TEXT, Schema, closed, list_of, map_of, reference
from serving.http.page import Asset
from serving.settings import Settings
from serving.version import VERSION

ABOUT = """\
Pictures of digits in, an object for each of them out.

Refusals are values: a file that cannot be read has an answer with a reason, and never changes its neighbours' answers. A
request that as a whole cannot be answered gets one object, `error`, with a code and a message.

Beside the answers of each operation, every path answers 405 with `Allow` to a method that it does not have, and a path that
there is not is a 404, both with such an object. HEAD is answered wherever GET is. Below /v2, errors have the form that the
Open Inference Protocol gives them: `error` is the message.
"""
COMPONENTS: Described = {
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
    "responses": {
        "MethodNotAllowed": refusals(errors.method_not_allowed("GET"))["405"],
        "ProtocolMethodNotAllowed": refusals(errors.method_not_allowed("GET"), form=inference.PLAIN)["405"],
    },
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service is given keys."},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, told otherwise."},
    },
}


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
    paths |= inference.operations(settings, model, examples.placed)
    guarded = paths.keys() - guard.OPEN - assets.keys() if settings.api_keys else ()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": VERSION,
            "summary": "Pictures of digits in, answers out.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {path: _finished(path, operations, guarded=path in guarded) for path, operations in paths.items()},
        "components": COMPONENTS | {"schemas": SCHEMAS | inference.schemas(settings.max_files)},
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
    refused = refusals(
        errors.no_picture(),
        errors.bad_parameter("top must be a whole number from 0 to 10."),
        errors.malformed("its boundary does not occur"),
        UNKNOWN_MODEL,
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
            parameter("model", TEXT, "The model that is to answer; the default where it is left out.", examples.model),
            parameter("top", {"type": "integer", "minimum": 0, "maximum": 10}, "How many classes `top` tells.", WANTED.top),
            parameter("seen", {"type": "integer", "enum": [0, 1]}, "Whether `seen` is told.", int(WANTED.seen)),
        ],
        "requestBody": {"required": True, "description": description, "content": content},
        "responses": {
            "200": answer("At least one picture was read.", reference("Answers"), **read),
            "422": answer("No picture could be read.", reference("Answers"), unreadable=examples.unreadable.answer),
            **refused,
        },
    }
    return {"/predict": {"post": operation}}


def _models(model: Model) -> Paths:
    card, name = asdict(model.card), model.card.name
    standing = {"state": "serving", "since": "2026-11-25T12:00:00+00:00", "identity": model.identity}
    states = {name: {**standing, "runtime": model.session.library, "device": model.session.device}}
    parts = {"default": TEXT, "models": list_of(reference("Card")), "refused": reference("Refused")}
    cards = closed({**parts, "states": map_of(reference("Standing"))})
    told = {"default": name, "models": [card], "refused": {}, "states": states}
    named = [parameter("name", TEXT, "A model's name.", name, "path")]
    one = get("model", "One model's card.", reference("Card"), card, refused=refusals(UNKNOWN_MODEL), parameters=named)
    file = {
        "operationId": "model_file",
        "summary": "The default model's file, as its card proves it.",
        "parameters": named,
        "responses": _whole("application/octet-stream", FILE) | refusals(UNKNOWN_MODEL),
    }
    return {
        "/models": {"get": get("models", "Every model's card, and why others are not served.", cards, told)},
        "/models/{name}": {"get": one},
        "/models/{name}/model.onnx": {"get": file},
    }


def _whole(media: str, schema: Schema) -> Described:
    """The answers of a file that is kept by whoever got it."""
    etag = {"ETag": {"required": True, "schema": TEXT}}
    return {
        "200": {"description": "The file.", "headers": etag, "content": {media: {"schema": schema}}},
        "304": {"description": "The file is the one that If-None-Match names.", "headers": etag},
    }


def _probes(model: Model) -> Paths:
    alive, told = closed({"status": {"const": "alive"}}), orjson.loads(ALIVE.body)
    ready = closed(
        {
            "status": {"const": "ready"},
            "models": map_of(IDENTITY),
            "devices": map_of(TEXT),
            "refused": reference("Refused"),
        }
    )
    name = model.card.name
    models = {"status": "ready", "models": {name: model.identity}, "devices": {name: model.session.device}, "refused": {}}
    return {
        "/livez": {"get": get("livez", "Whether the service answers.", alive, told)},
        "/healthz": {"get": get("healthz", "The same as /livez.", alive, told)},
        "/readyz": {
            "get": get(
                "readyz",
                "Which models answer, after each has been run once.",
                ready,
                models,
                refused=refusals(errors.ending()),
            )
        },
    }


def _own() -> Paths:
    kinds = {"text/plain": {"schema": TEXT}, "application/openmetrics-text": {"schema": TEXT}}
    metrics = {
        "operationId": "metrics",
        "summary": "What all workers counted, as Prometheus reads it; in OpenMetrics where Accept names it.",
        "responses": {"200": {"description": "The metrics.", "content": kinds}},
    }
    return {"/docs.json": {"get": get("docs", "This document.", {"type": "object"})}, "/metrics": {"get": metrics}}


def _page(assets: Mapping[str, Asset]) -> Paths:
    return {path: {"get": _file(path, asset)} for path, asset in assets.items()}


def _file(path: str, asset: Asset) -> Described:
    media = asset.content_type.split(";", maxsplit=1)[0]
    schema = {"application/json": {"type": "object"}, "application/wasm": FILE}.get(media, TEXT)
    return {
        "operationId": "page" + "".join(letter if letter.isalnum() else "_" for letter in path).rstrip("_"),
        "summary": "The page: draw a digit, and see what every model makes of it." if path == "/" else "A file of the page.",
        "responses": _whole(media, schema),
    }


def _requests(examples: Mapping[str, Example]) -> Described:
    return {name: {"summary": one.summary, "externalValue": one.uri} for name, one in examples.items()}


def _finished(path: str, operations: dict[str, Described], *, guarded: bool) -> dict[str, Any]:
    """The operations of a path with what all of them have, and a key where one is needed."""
    form = inference.PLAIN if openinference.owns(path) else OURS
    for operation in operations.values():
        if guarded:
            operation["security"] = [{"bearer": []}, {"key": []}]
            operation["responses"] |= refusals(errors.unauthorised(), form=form)
        for response in operation["responses"].values():
            response["headers"] = {**response.get("headers", {}), "x-request-id": {"$ref": "#/components/headers/RequestId"}}
    return {"parameters": [{"$ref": "#/components/parameters/RequestId"}], **operations}
