"""What descriptions of routes are made of."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from serving.http import errors
from serving.http.errors import HttpError
from serving.http.openapi.schemas import Schema, reference

JSON = "application/json"
UNKNOWN_MODEL = errors.unknown_model("There is no model 'none'. Models: convnet, reader")

Described = dict[str, Any]
"""An object of the document."""
Paths = dict[str, dict[str, Described]]
"""Operations by path and method."""

TOLD = {b"accept-encoding", b"allow", b"www-authenticate"}
"""Headers of errors that are as good as any text; which there are is the errors' own."""


def parameter(name: str, schema: Schema, description: str, example: object, place: str = "query") -> Described:
    """A parameter; one of the path is required."""
    told = {"name": name, "in": place, "description": description, "schema": schema, "example": example}
    return told | {"required": True} if place == "path" else told


def answer(description: str, schema: Schema, **examples: object) -> Described:
    """An answer in JSON, with examples by their names."""
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"description": description, "content": {JSON: content}}


def get(identity: str, summary: str, schema: Schema, example: object = None, **more: Any) -> Described:
    """An operation that answers 200 in JSON. more: further answers by status, and what else an operation has."""
    answers = {"200": answer(summary, schema, **({} if example is None else {"answer": example}))}
    return {"operationId": identity, "summary": summary, "responses": answers | more.pop("refused", {}), **more}


class Form(NamedTuple):
    """How an error is told."""

    schema: Callable[[Sequence[HttpError]], Schema]
    """Of errors that have the same status."""
    body: Callable[[HttpError], object]


def _coded(alike: Sequence[HttpError]) -> Schema:
    codes = {"properties": {"error": {"properties": {"code": {"enum": [error.code for error in alike]}}}}}
    return {"allOf": [reference("Error"), codes]}


OURS = Form(_coded, lambda error: orjson.loads(error.response().body))
"""A code of a closed list, and a message."""


def refusals(*refused: HttpError, form: Form = OURS) -> dict[str, Described]:
    """Answers by their status, each with every error there is of it as an example."""
    statuses: dict[int, list[HttpError]] = {}
    for error in refused:
        statuses.setdefault(error.status, []).append(error)
    return {str(status): _refusal(status, alike, form) for status, alike in statuses.items()}


def _refusal(status: int, alike: Sequence[HttpError], form: Form) -> Described:
    examples = {error.code: form.body(error) for error in alike}
    return answer(HTTPStatus(status).phrase, form.schema(alike), **examples) | {"headers": _headers(alike)}


def _headers(alike: Sequence[HttpError]) -> dict[str, Described]:
    names = {name for error in alike for name, _ in error.headers}
    told = {name.decode().title(): {"schema": {"type": "string"}} for name in sorted(names & TOLD)}
    return told | ({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}} if b"retry-after" in names else {})
