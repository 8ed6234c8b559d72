"""The operations of the Open Inference Protocol."""

from typing import Any

import orjson

from serving.catalogue import Model
from serving.http import errors, openinference
from serving.http.openapi.examples import data_uri
from serving.http.openapi.parts import JSON, UNKNOWN_MODEL, Described, Form, Paths, answer, get, parameter, refusals
from serving.http.openapi.schemas import FILE, NUMBER, TEXT, WHOLE, Schema, closed, list_of, map_of, open_object, reference
from serving.http.openinference import answer as answers
from serving.http.openinference.handlers import EXTENSIONS, OTHER_BYTES, PIXEL_BYTES, PLATFORMS
from serving.http.openinference.request import HEADER, inference
from serving.http.openinference.tensors import IMAGES, PIXELS, SIDE, bad, outputs_of
from serving.reading import Ink
from serving.runtime import INPUT, OUTPUTS, PROBABILITIES
from serving.settings import Settings
from serving.version import VERSION

OCTETS = "application/octet-stream"
PLAIN = Form(lambda _: reference("ProtocolError"), lambda error: orjson.loads(openinference.told(error).body))
"""As the protocol tells errors."""
LIVE: Schema = closed({"live": {"const": True}})

_PARAMETERS = {**map_of({}), "description": "What is not known is passed over."}
_PIXEL: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
_ROWS = list_of(list_of(list_of(_PIXEL, minItems=SIDE, maxItems=SIDE), minItems=SIDE, maxItems=SIDE), minItems=1)
_TENSOR = closed({"name": TEXT, "datatype": TEXT, "shape": list_of(WHOLE)})


def schemas(most: int) -> dict[str, Schema]:
    """The protocol's objects as they are here, by name. most: pictures of one request."""
    count = {"type": "integer", "minimum": 1, "maximum": most}
    image = open_object(
        {
            "name": {"const": INPUT},
            "datatype": {"const": IMAGES.datatype},
            "shape": {
                "type": "array",
                "prefixItems": [count, *({"const": side} for side in IMAGES.shape[1:])],
                "items": False,
                "minItems": 3,
            },
            "data": {
                "anyOf": [list_of(_PIXEL, minItems=PIXELS, maxItems=PIXELS * most), _ROWS],
                "description": "The pixels, 0 is paper and 255 is ink, nested as the shape is, or all in one list.",
            },
            "parameters": _PARAMETERS,
        },
        optional=("data", "parameters"),
    )
    asked = open_object({"name": {"enum": list(OUTPUTS)}, "parameters": _PARAMETERS}, optional=("parameters",))
    told = closed(
        {
            "name": {"enum": list(OUTPUTS)},
            "datatype": {"enum": ["FP32", "BYTES"]},
            "shape": list_of(WHOLE),
            "data": list_of({"anyOf": [NUMBER, TEXT]}),
            "parameters": closed({"binary_data_size": WHOLE}),
        },
        optional=("data", "parameters"),
        description="BYTES are what the parameter classification asks for: value:index:name, the highest first.",
    )
    index = {"name": TEXT, "version": TEXT, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": TEXT}
    return {
        "ProtocolError": closed({"error": TEXT}, description="Why there is no other answer, as the protocol tells it."),
        "ServerMetadata": closed({"name": TEXT, "version": TEXT, "extensions": list_of(TEXT)}),
        "ModelMetadata": closed(
            {
                "name": TEXT,
                "versions": list_of(TEXT),
                "platform": TEXT,
                "inputs": list_of(_TENSOR),
                "outputs": list_of(_TENSOR),
            }
        ),
        "ModelReady": closed({"name": TEXT, "ready": {"const": True}}),
        "InferenceRequest": open_object(
            {
                "id": {"type": ["string", "null"]},
                "parameters": _PARAMETERS,
                "inputs": list_of(image, minItems=1, maxItems=1),
                "outputs": list_of(asked),
            },
            optional=("id", "parameters", "outputs"),
            description="Pictures that are 28x28 already. All outputs are told where none is named.",
        ),
        "InferenceAnswer": closed(
            {"model_name": TEXT, "model_version": TEXT, "id": TEXT, "outputs": list_of(told, minItems=1)},
            optional=("id",),
        ),
        "ModelIndex": list_of(closed(index), description="Every model, and why some do not answer."),
    }


def operations(settings: Settings, model: Model, picture: Ink) -> Paths:
    """Everything below /v2. model: the default, by which the example is answered. picture: (28, 28) uint8, the example's."""
    name, version = model.card.name, answers.version_of(model)
    server = {"name": "digits", "version": VERSION, "extensions": EXTENSIONS}
    metadata = {
        "name": name,
        "versions": [version],
        "platform": PLATFORMS[model.session.library.split()[0]],
        "inputs": [IMAGES._asdict()],
        "outputs": [tensor._asdict() for tensor in outputs_of(model.session)],
    }
    unknown = refusals(UNKNOWN_MODEL, form=PLAIN)
    index = {
        "operationId": "model_index",
        "summary": "Every model, and why some do not answer (Triton's extension).",
        "requestBody": {"content": {JSON: {"schema": open_object({"ready": {"type": "boolean"}}, optional=("ready",))}}},
        "responses": {
            "200": answer("The models.", reference("ModelIndex")),
            **_refused(settings, bad('The request must be empty or a JSON object such as {"ready": true}.')),
        },
    }
    ending = refusals(errors.ending(), form=PLAIN)
    paths: Paths = {
        "/v2": {"get": get("server_metadata", "What this server is.", reference("ServerMetadata"), server)},
        "/v2/": {"get": get("server_metadata_", "The same as /v2.", reference("ServerMetadata"), server)},
        "/v2/health/live": {"get": get("server_live", "Whether the service answers.", LIVE, {"live": True})},
        "/v2/health/ready": {"get": get("server_ready", "Whether models answer.", LIVE, {"live": True}, refused=ending)},
        "/v2/repository/index": {"post": index},
    }
    one = parameter("name", TEXT, "A model's name.", name, "path")
    of = parameter("version", TEXT, "The first 12 hex digits of the model's file's sha256.", version, "path")
    for path, named, end in (("/v2/models/{name}", [one], ""), ("/v2/models/{name}/versions/{version}", [one, of], "_of")):
        told, ready = reference("ModelMetadata"), {"name": name, "ready": True}
        more = {"parameters": named, "refused": unknown}
        paths[path] = {"get": get(f"model_metadata{end}", "What a model takes and gives.", told, metadata, **more)}
        paths[f"{path}/ready"] = {
            "get": get(f"model_ready{end}", "Whether a model answers.", reference("ModelReady"), ready, **more)
        }
        paths[f"{path}/infer"] = {"post": _infer(settings, model, picture, named) | {"operationId": f"infer{end}"}}
    return paths


def _infer(settings: Settings, model: Model, picture: Ink, named: list[Described]) -> Described:
    asked, packed, told = _examples(model, picture, settings.max_files)
    header = {"schema": {"type": "integer", "minimum": 0}, "description": "How many bytes of the body are JSON."}
    body = {
        JSON: {"schema": reference("InferenceRequest"), "examples": {"picture": {"value": asked}}},
        OCTETS: {
            "schema": FILE | {"description": "An InferenceRequest, and the pixels as bytes behind it."},
            "examples": {
                "picture": {"summary": f"{HEADER}: {len(packed) - PIXELS}", "externalValue": data_uri(OCTETS, packed)}
            },
        },
    }
    given = answer("The outputs.", reference("InferenceAnswer"), picture=told)
    given["content"][OCTETS] = {"schema": FILE | {"description": "An InferenceAnswer, and the outputs' bytes behind it."}}
    given["headers"] = {HEADER: header}
    length = {"name": HEADER, "in": "header", "required": False, **header}
    return {
        "summary": "Run pictures through a model; nothing is read and nothing decided.",
        "parameters": [*named, length],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": given,
            **_refused(
                settings,
                bad(f"inputs must be a list of one object, the tensor {INPUT}."),
                UNKNOWN_MODEL,
            ),
        },
    }


def _refused(settings: Settings, *more: errors.HttpError) -> dict[str, Described]:
    """What becomes of a body that is too long, too slow or packed in an unknown way, and more."""
    unpackable = errors.HttpError(415, "unsupported_encoding", "The body may be encoded as gzip or deflate, or not at all.")
    limit = min(settings.max_body_bytes, OTHER_BYTES + PIXEL_BYTES * PIXELS * settings.max_files)
    common = (errors.too_slow(settings.body_seconds), errors.too_many_bytes(limit), unpackable, errors.overloaded())
    return refusals(*more, *common, form=PLAIN)


def _examples(model: Model, picture: Ink, most: int) -> tuple[dict[str, Any], bytes, Any]:
    """A request, one with its pixels as bytes, and what the model answers to the first."""
    tensor: dict[str, Any] = {"name": INPUT, "datatype": IMAGES.datatype, "shape": [1, SIDE, SIDE]}
    asked = {
        "id": "one",
        "inputs": [{**tensor, "data": picture.reshape(-1).tolist()}],
        "outputs": [{"name": PROBABILITIES}],
    }
    known = inference(orjson.dumps(asked), None, outputs_of(model.session), most)
    told = orjson.loads(answers.answer(known, model.session.rows(known.pictures), model).body)
    binary = {**tensor, "parameters": {"binary_data_size": PIXELS}}
    return asked, orjson.dumps({"inputs": [binary]}) + picture.tobytes(), told
