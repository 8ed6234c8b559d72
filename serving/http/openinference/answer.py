"""An inference's answer: the outputs that are wanted, as JSON or as bytes behind it."""

from typing import Any

import numpy as np
import orjson

from serving.card import CLASSES
from serving.catalogue import Model
from serving.http.messages import JSON, Headers, Response
from serving.http.openinference.request import HEADER, Inference, Wanted
from serving.http.openinference.tensors import bytes_of, classified
from serving.runtime import EVIDENCE, PROBABILITIES, SCORES, WIDTH, Output, Rows

_COLUMNS: dict[str, Any] = {PROBABILITIES: np.s_[:, :CLASSES], EVIDENCE: np.s_[:, CLASSES], SCORES: np.s_[:, WIDTH:]}
"""Where an output stands in the engine's rows."""
_BINARY: Headers = ((b"content-type", b"application/octet-stream"),)
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def version_of(model: Model) -> str:
    """What the protocol calls a model's version: the first twelve digits of its file's sha256."""
    return model.card.onnx_sha256[:12]


def answer(asked: Inference, rows: Rows, model: Model) -> Response:
    """Tell what is wanted. rows: of the pictures, with the scores behind them where these are wanted."""
    told: dict[str, Any] = {"model_name": model.card.name, "model_version": version_of(model)}
    if asked.id is not None:
        told["id"] = asked.id
    behind: list[bytes] = []
    told["outputs"] = [_output(one, rows[_COLUMNS[one.tensor.name]], model.card.classes, behind) for one in asked.wanted]
    text = orjson.dumps(told, option=_OPTIONS)
    if not behind:
        return Response(200, text, JSON)
    return Response(200, b"".join([text, *behind]), (*_BINARY, (HEADER.lower().encode(), b"%d" % len(text))))


def _output(wanted: Wanted, values: Output, names: list[str], behind: list[bytes]) -> dict[str, Any]:
    """One output as the JSON has it; its bytes, where it is told so, are added to what comes behind."""
    data: list[str] | Output
    if wanted.classes:
        datatype, shape, data = "BYTES", (len(values), wanted.classes), classified(values, wanted.classes, names)
    else:  # as JSON, the shortest decimals that are these float32 again
        datatype, shape, data = wanted.tensor.datatype, values.shape, np.ascontiguousarray(values).reshape(-1)
    told = {"name": wanted.tensor.name, "datatype": datatype, "shape": shape}
    if not wanted.binary:
        return told | {"data": data}
    packed = bytes_of(data) if isinstance(data, list) else data.astype("<f4", copy=False).tobytes()
    behind.append(packed)
    return told | {"parameters": {"binary_data_size": len(packed)}}
