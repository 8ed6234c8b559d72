"""What goes over the wire, as JSON Schema: made of the code's own types and lists wherever there are some."""

import types
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from serving.card import CLASSES, Card
from serving.decision import Verdict
from serving.lineup import Standing
from serving.reading import Reason

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}

NULL: Schema = {"type": "null"}
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
IDENTITY: Schema = {
    "type": "string",
    "pattern": "^.+@[0-9a-f]{12}$",
    "description": "The model's name, and the first 12 hex digits of its file's sha256.",
}
LABEL: Schema = {"type": "integer", "minimum": 0, "maximum": CLASSES - 1}
PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
VERDICTS: tuple[str, ...] = get_args(Verdict)


def reference(name: str) -> Schema:
    """One of SCHEMAS, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: dict[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these keys and no other."""
    return {**open_object(properties, optional), "additionalProperties": False, **more}


def open_object(properties: dict[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these keys; what others it has is nobody's concern."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties, **more}


def list_of(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def map_of(values: Schema) -> Schema:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": values}


def schema_of(kind: Any) -> Schema:
    """The schema of a value of a type, of those that cards are made of."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_typeddict(kind):
        return closed({name: schema_of(one) for name, one in get_type_hints(kind).items()})
    parts = get_args(kind)
    match get_origin(kind):
        case origin if origin is Literal:
            return {"enum": list(parts)}
        case origin if origin in {Union, types.UnionType}:
            return {"anyOf": [schema_of(part) for part in parts]}
        case origin if origin is list:
            return list_of(schema_of(parts[0]))
        case origin if origin is dict:
            return map_of(schema_of(parts[1]))
    raise TypeError(f"{kind} has no schema")


def _nullable(schema: Schema, description: str) -> Schema:
    return {"anyOf": [schema, NULL], "description": description}


_GUESSED: dict[str, Schema] = {"digit": LABEL, "name": TEXT, "confidence": PROBABILITY}
_REFUSED: dict[str, Schema] = {"reason": {"enum": list(Reason)}, "message": {"enum": [reason.message for reason in Reason]}}
_PROBABILITIES = list_of(PROBABILITY, minItems=CLASSES, maxItems=CLASSES)


def _when(statuses: tuple[str, ...], filled: dict[str, Schema], null: tuple[str, ...]) -> Schema:
    """What belongs to an answer of one of these statuses."""
    return {"properties": {"status": {"enum": list(statuses)}, **filled, **dict.fromkeys(null, NULL)}}


ANSWER = closed(
    {
        "source": {"type": "string", "description": "The file's name as it was sent; body where there was none."},
        "index": {"type": "integer", "minimum": 0, "description": "Its place among the files of the request."},
        "status": {
            "type": "string",
            "enum": [*VERDICTS, "blank", "rejected"],
            "description": (
                "digit: the class is promised. unsure: it is a digit, but not surely which. not_a_digit: it is something "
                "else, and digit is a best guess. blank: there is no ink. rejected: it could not be read."
            ),
        },
        "digit": _nullable(LABEL, "The most probable class; null where status is blank or rejected."),
        "name": _nullable(TEXT, "What the model's card calls this class; null where digit is."),
        "confidence": _nullable(PROBABILITY, "The probability of digit; null where digit is."),
        "probabilities": _nullable(_PROBABILITIES, "Of the classes in their order, to 1e-7; null where digit is."),
        "reason": _nullable(_REFUSED["reason"], "Why the picture is rejected; null otherwise."),
        "message": _nullable(_REFUSED["message"], "The reason as a sentence; null where reason is."),
        "model": IDENTITY,
        "top": list_of(
            closed({"digit": LABEL, "name": TEXT, "probability": PROBABILITY}),
            minItems=1,
            maxItems=CLASSES,
            description="With ?top=N, the N most probable classes, the first first; where digit is not null.",
        ),
        "seen": {
            "type": "string",
            "pattern": "^data:image/png;base64,",
            "description": "With ?seen=1, the 28x28 picture that the network saw, white on black; where there was one.",
        },
    },
    optional=("top", "seen"),
    description="What became of one picture.",
    oneOf=[
        _when(VERDICTS, {**_GUESSED, "probabilities": _PROBABILITIES}, tuple(_REFUSED)),
        _when(("blank",), {}, (*_GUESSED, "probabilities", *_REFUSED)),
        _when(("rejected",), _REFUSED, (*_GUESSED, "probabilities")),
    ],
)

CARD = closed(
    {name: schema_of(kind) for name, kind in get_type_hints(Card).items() if name in {one.name for one in fields(Card)}},
    description="What a model says of itself; every value is measured, or taken from how it was made.",
)

SCHEMAS: dict[str, Schema] = {
    "Answer": ANSWER,
    "Answers": closed(
        {"model": IDENTITY, "predictions": list_of(reference("Answer"), minItems=1)},
        description="One object for each file, in their order.",
    ),
    "Card": CARD,
    "Error": closed(
        {"error": closed({"code": {"type": "string", "description": "For programs."}, "message": TEXT})},
        description="Why a request as a whole has no other answer.",
    ),
    "Standing": closed(
        {
            "state": {
                **schema_of(get_type_hints(Standing)["state"]),
                "description": (
                    "serving: its folder's model answers. kept: that is refused or gone, and the one from before answers. "
                    "refused: none does."
                ),
            },
            "since": {"type": "string", "format": "date-time"},
            "identity": _nullable(IDENTITY, "Of what answers by this name; null where nothing does."),
            "runtime": _nullable(TEXT, "The library that runs it, with its version; null where identity is."),
            "device": _nullable(TEXT, "Where it runs, such as cpu; null where identity is."),
        },
        description="How a model's name stands in the worker that answered.",
    ),
    "Refused": {**map_of(TEXT), "description": "Models that could not be loaded, and why, by name."},
}
