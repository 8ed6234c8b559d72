"""GET /docs.json: every route as OpenAPI 3.1, made of the code's own lists, errors and limits."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from importlib import metadata
from typing import Any

import orjson

from serving.catalogue import Model
from serving.http import errors, guard
from serving.http.errors import HttpError
from serving.http.examples import WANTED, Example, Examples
from serving.http.messages import Request, Response, json_response
from serving.http.page import Asset
from serving.http.schemas import IDENTITY, FILE, SCHEMAS, TEXT, Schema, closed, list_of, map_of, reference
from serving.settings import Settings

JSON = "application/json"
ABOUT = """\
Pictures of digits in, an object for each of them out.

Refusals are values: a file that cannot be read has an answer with a reason, and never changes its neighbours' answers. A
request that as a whole cannot be answered gets one object, `error`, with a code and a message.

Beside the answers of each operation, every path answers 405 with `Allow` to a method that it does not have, and a path that
there is not is a 404, both with such an object. HEAD is answered wherever GET is.
"""

Operation = dict[str, Any]
Paths = dict[str, dict[str, Any]]


def document(settings: Settings, model: Model, assets: Mapping[str, Asset]) -> dict[str, Any]:
    """The whole document. model: the default, which the examples are answered by. assets: the page's files by path."""
    examples = Examples(model, settings.limits)
    paths = _predict(settings, examples) | _models(model) | _probes(model) | _own() | _page(assets)
    for path, operations in paths.items():
        _guard(operations, guarded=bool(settings.api_keys) and path not in guard.OPEN | set(assets))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": metadata.version("digits"),
            "summary": "Handwritten digits, read honestly.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "headers": {
                "RequestId": {
                    "description": "The request's identity: the one it came with, or one of ours.",
                    "required": True,
                    "schema": {"type": "string", "pattern": r"^[\w.:-]{1,64}$"},
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
                    "description": "An identity of 1 to 64 letters, digits and any of _.:- for logs; any other is replaced.",
                    "schema": TEXT,
                },
            },
            "responses": {"MethodNotAllowed": _refusals(errors.method_not_allowed("GET"))["405"]},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service has keys."},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, otherwise."},
            },
        },
    }


def _predict(settings: Settings, examples: Examples) -> Paths:
    requests = (examples.files, examples.unreadable)
    form = {
        "schema": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"anyOf": [FILE, list_of(FILE)]},
            "description": f"Files, {settings.max_files} at most, under any names; fields without a file are passed over.",
        },
        "examples": {},
    }
    return {}
