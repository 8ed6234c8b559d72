"""The protocol's routes, and what answers them."""

import zlib

import orjson

from serving.admission import Overloaded
from serving.engine import Engine
from serving.http import errors
from serving.http.errors import HttpError
from serving.http.health import check_stays
from serving.http.intake import Intake
from serving.http.messages import Request, Response, json_response
from serving.http.models import find
from serving.http.openinference.answer import answer, version_of
from serving.http.openinference.request import HEADER, inference
from serving.http.openinference.tensors import IMAGES, PIXELS, Tensor, bad, outputs_of
from serving.http.routes import Route
from serving.lineup import Served
from serving.runtime import SCORES
from serving.settings import Settings
from serving.version import VERSION

EXTENSIONS = ["binary_tensor_data", "classification"]
PLATFORMS = {"onnxruntime": "onnx_onnxv1", "openvino": "onnx_onnxv1", "torch": "pytorch_torchscript"}
"""The protocol's names for a library and what it runs."""
PIXEL_BYTES, OTHER_BYTES = 6, 64 * 2**10
"""How long a body may be: "255, " and a share of the brackets for each pixel, and all else."""
WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""What zlib calls the encodings of a body that are understood."""


def routes(engine: Engine, intake: Intake, settings: Settings) -> list[Route]:
    """Everything below /v2."""
    protocol = OpenInference(engine, intake, settings.max_files)
    found = [
        # The protocol's text has no slash at the end, its OpenAPI document has.
        *(Route(path, {"GET": protocol.server}) for path in ("/v2", "/v2/")),
        Route("/v2/health/live", {"GET": protocol.live}),
        Route("/v2/health/ready", {"GET": protocol.ready}),
        Route("/v2/repository/index", {"POST": protocol.index}),
    ]
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        found += [
            Route(model, {"GET": protocol.model}),
            Route(f"{model}/ready", {"GET": protocol.model_ready}),
            Route(f"{model}/infer", {"POST": protocol.infer}),
        ]
    return found


def owns(path: str) -> bool:
    """Whether a path, be there anything at it or not, is the protocol's."""
    return path == "/v2" or path.startswith("/v2/")


def told(error: HttpError) -> Response:
    """An error in the protocol's form."""
    return json_response({"error": error.message}, error.status, error.headers)


class OpenInference:
    """The handlers."""

    def __init__(self, engine: Engine, intake: Intake, most: int) -> None:
        """most: pictures of one request."""
        self._engine, self._intake, self._most = engine, intake, most
        self._max_bytes = OTHER_BYTES + PIXEL_BYTES * PIXELS * most
        self._outputs: dict[str, tuple[Tensor, ...]] = {}

    async def server(self, _request: Request) -> Response:
        """What this server is."""
        return json_response({"name": "digits", "version": VERSION, "extensions": EXTENSIONS})

    async def live(self, _request: Request) -> Response:
        """Whether the event loop turns."""
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        """Whether models answer; a worker that answers at all has run each once. Raises HttpError 503 as /readyz does."""
        check_stays(request)
        return json_response({"live": True})  # the protocol's text has this key here too

    async def model(self, _request: Request, name: str, version: str | None = None) -> Response:
        """What a model takes and gives. Raises HttpError 404."""
        served = self._find(name, version)
        told = {
            "name": name,
            "versions": [version_of(served.model)],
            "platform": PLATFORMS[served.model.session.library.split()[0]],
            "inputs": [IMAGES._asdict()],
            "outputs": [tensor._asdict() for tensor in self._outputs_of(served)],
        }
        return json_response(told)

    async def model_ready(self, _request: Request, name: str, version: str | None = None) -> Response:
        """Whether a model answers. Raises HttpError 404 with the reason where it does not."""
        self._find(name, version)
        return json_response({"name": name, "ready": True})

    async def infer(self, request: Request, name: str, version: str | None = None) -> Response:
        """Run pictures through a model. Raises HttpError."""
        served = self._find(name, version)
        body = await self._body(request, self._max_bytes)
        header = request.headers.get(HEADER.lower().encode())
        asked = inference(body, header, self._outputs_of(served), self._most)
        request.model, request.pictures = served.identity, len(asked.pictures)
        scores = any(one.tensor.name == SCORES for one in asked.wanted)
        try:
            rows = await self._engine.rows(asked.pictures, served, scores=scores)
        except Overloaded:
            raise errors.overloaded() from None
        return answer(asked, rows, served.model)

    async def index(self, request: Request) -> Response:
        """Every model, and why some do not answer: the reading part of Triton's model repository extension."""
        body = await self._body(request, OTHER_BYTES)
        catalogue = self._engine.catalogue
        told = [
            {"name": name, "version": version_of(model), "state": "READY", "reason": ""}
            for name, model in catalogue.models.items()
        ]
        if not _only_ready(body):
            told += [
                {"name": name, "version": "", "state": "UNAVAILABLE", "reason": reason}
                for name, reason in catalogue.refused.items()
            ]
        return json_response(told)

    def _find(self, name: str, version: str | None) -> Served:
        served = find(self._engine, name)
        if version not in {None, version_of(served.model)}:
            raise errors.unknown_model(f"The version of the model {name!r} is {version_of(served.model)}, and no other.")
        return served

    def _outputs_of(self, served: Served) -> tuple[Tensor, ...]:
        if served.identity not in self._outputs:
            self._outputs[served.identity] = outputs_of(served.model.session)
        return self._outputs[served.identity]

    async def _body(self, request: Request, most: int) -> bytes:
        """A request's body as it was before it was packed, of so many bytes at most. Raises HttpError."""
        body = await self._intake.body(request)
        encoding = request.header(b"content-encoding").strip().lower()
        if encoding not in {"", "identity"}:
            body = _unpacked(body, encoding, most)
        if len(body) > most:
            raise HttpError(413, "too_many_bytes", f"A request may have {most:,} bytes here at most.")
        return body


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """As many bytes as are allowed, and one more where there are more."""
    if encoding not in WINDOWS:
        message = "The body may be encoded as gzip or deflate, or not at all."
        raise HttpError(415, "unsupported_encoding", message, ((b"accept-encoding", b"gzip, deflate"),))
    unpacking = zlib.decompressobj(WINDOWS[encoding])
    try:
        plain = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise bad(f"The body is not {encoding}, as its Content-Encoding says.") from None
    if len(plain) <= most and (not unpacking.eof or unpacking.unused_data):
        raise bad(f"The body is not one whole {encoding}, as its Content-Encoding says.")
    return plain


def _only_ready(body: bytes) -> bool:
    """What an index request, which may be empty, asks for."""
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(ready := asked.get("ready", False), bool):
        raise bad('The request must be empty or a JSON object such as {"ready": true}.')
    return ready
