"""The routes, as one raw ASGI application in front of BentoML's own.

In front, because the framework's uploads answer 500 to a broken picture and its hops lose requests;
docs/decisions/0004-serving.md has the rest of the reasons.
"""

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from serving.batcher import Batcher
from serving.catalogue import Catalogue, Model, ModelRefused
from serving.classifier import outcomes_of, pictures_of, read_all
from serving.http import errors
from serving.http.errors import Headers, HttpError
from serving.http.uploads import is_supported, uploads_of
from serving.outcome import Outcome, Rejection, Wanted, answer
from serving.settings import Settings

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

FRAMEWORK_PATHS = {"/livez", "/readyz", "/healthz", "/metrics"}
MAX_PARAMETERS = 16
TURN = 8
"""Files of one request that are read before other requests have their turn."""
DECODERS = 2
"""Threads that decode in one worker: Pillow and OpenCV let go of the interpreter while they work."""

INDEX = """digits: pictures of digits in, answers out.

  curl -F file=@seven.png http://HOST/predict              one or many files
  curl --data-binary @seven.png -H 'content-type: image/png' http://HOST/predict
  GET /models, /models/NAME                                the models and their cards
  GET /livez, /readyz, /metrics

Parameters of /predict: model=NAME, top=N, seen=1
"""

log = logging.getLogger("digits")


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Api:
    """The application of one worker process: it holds the catalogue, a batcher per model and the decoding threads."""

    def __init__(self, inner: Asgi, catalogue: Catalogue, settings: Settings) -> None:
        """inner: BentoML's application, which keeps the health and metrics paths and the lifespan."""
        self._inner, self._catalogue, self._settings = inner, catalogue, settings
        self._default = catalogue.get(settings.model)
        self._waiting = 0
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self._batchers = {name: self._make_batcher(model) for name, model in catalogue.models.items()}

    def _make_batcher(self, model: Model) -> Batcher:
        model.session.rows(np.zeros((self._settings.max_batch, 28, 28), np.uint8))  # the first call is slow
        executor = ThreadPoolExecutor(1, thread_name_prefix=f"run-{model.card.name}")
        return Batcher(model.session.rows, executor, max_batch=self._settings.max_batch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML."""
        is_frameworks = scope["type"] != "http" or (scope["path"] in FRAMEWORK_PATHS and scope["method"] in {"GET", "HEAD"})
        if is_frameworks:
            await self._inner(scope, receive, send)
            return
        try:
            answered = await self._answer(scope, receive)
        except Disconnected:
            return
        except HttpError as error:
            answered = _refusal(error)
        except Exception:
            log.exception("a request to %s failed", scope["path"])
            answered = _refusal(errors.internal())
        await _respond(send, *answered, head_only=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Headers]:
        path, method = scope["path"], scope["method"]
        if path == "/predict":
            _require(method, "POST")
            status, told = await self._predict(scope, receive)
            return status, _json(told), ()
        if path == "/":
            _require(method, "GET")
            return 200, INDEX.encode(), (("content-type", "text/plain; charset=utf-8"),)
        if path == "/models":
            _require(method, "GET")
            return 200, _json(self._models()), ()
        if path in FRAMEWORK_PATHS:
            _require(method, "GET")
        if path.startswith("/models/"):
            _require(method, "GET")
            return 200, _json(asdict(self._model(path.removeprefix("/models/")).card)), ()
        raise errors.not_found(path)

    async def _predict(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        name, wanted = _parameters(scope["query_string"])
        model = self._model(name) if name else self._default
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if not is_supported(content_type):
            raise errors.unsupported_media_type()
        body = await _body(receive, headers, self._settings.max_body_bytes)
        uploads = uploads_of(content_type, body, self._settings.max_files)
        with self._admitted(len(uploads)):
            outcomes = await self._outcomes([upload.data for upload in uploads], model)
        predictions = [
            answer(outcome, upload.source, index, model.identity, model.card, wanted)
            for index, (outcome, upload) in enumerate(zip(outcomes, uploads, strict=True))
        ]
        nothing_read = all(isinstance(outcome, Rejection) for outcome in outcomes)
        return 422 if nothing_read else 200, {"model": model.identity, "predictions": predictions}

    @contextmanager
    def _admitted(self, files: int) -> Iterator[None]:
        """Take files on, from before they are read until they are answered. Raises HttpError 503 where it is too much."""
        if self._waiting + files > self._settings.max_waiting:
            raise errors.overloaded()
        self._waiting += files
        try:
            yield
        finally:
            self._waiting -= files

    async def _outcomes(self, files: list[bytes], model: Model) -> list[Outcome]:
        loop, read_files = asyncio.get_running_loop(), []
        # A few at a time, so that a request with many large pictures takes turns with the others.
        for start in range(0, len(files), TURN):
            turn = files[start : start + TURN]
            reading = functools.partial(read_all, turn, model.card.reading, self._settings.limits)
            read_files += await loop.run_in_executor(self._decoders, reading)
        rows = await self._batchers[model.card.name].submit(pictures_of(read_files))
        return outcomes_of(read_files, rows, model.card)

    def _model(self, name: str) -> Model:
        try:
            return self._catalogue.get(name)
        except ModelRefused as error:
            raise errors.unknown_model(str(error)) from error

    def _models(self) -> dict[str, Any]:
        cards = [asdict(model.card) for model in self._catalogue.models.values()]
        return {"default": self._default.card.name, "models": cards, "refused": dict(self._catalogue.refused)}


def _refusal(error: HttpError) -> tuple[int, bytes, Headers]:
    return error.status, _json(error.body()), error.headers


def _require(method: str, allowed: str) -> None:
    if method != allowed and not (method == "HEAD" and allowed == "GET"):
        raise errors.method_not_allowed(allowed)


def _parameters(query: bytes) -> tuple[str, Wanted]:
    """The model's name, "" for the default, and what the answers should tell. Raises HttpError 400."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise errors.bad_parameter("The query has too many parameters.") from None
    given = dict(pairs)
    if unknown := sorted(given.keys() - {"model", "top", "seen"}):
        raise errors.bad_parameter(f"There is no parameter {unknown[0]!r}. Parameters: model, top, seen.")
    top, seen = given.get("top", "0"), given.get("seen", "0")
    if top not in map(str, range(11)):
        raise errors.bad_parameter("top must be a whole number from 0 to 10.")
    if seen not in {"0", "1"}:
        raise errors.bad_parameter("seen must be 0 or 1.")
    return given.get("model", ""), Wanted(int(top), seen == "1")


async def _body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The request's whole body. Raises HttpError 413 as soon as it is known to be too long, Disconnected."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise errors.too_many_bytes(limit)
    chunks, size = [], 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Disconnected
        chunk = event.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise errors.too_many_bytes(limit)
        chunks.append(chunk)
        if not event.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


async def _respond(send: Send, status: int, body: bytes, headers: Headers, *, head_only: bool) -> None:
    told = {"content-type": "application/json", **dict(headers), "content-length": str(len(body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
