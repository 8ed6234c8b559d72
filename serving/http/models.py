"""GET /models and below: what there is to ask, what became of what could not be loaded, and the files themselves."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from serving.catalogue import Model, ModelRefused, proved_file
from serving.engine import Engine
from serving.http import errors
from serving.http.messages import Request, Response, json_response
from serving.lineup import Served, Standing


class Models:
    """The handlers of GET /models, of a card and of a model's file."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """folder: where the models are."""
        self._engine, self._folder = engine, folder
        self._file: tuple[str, bytes] = "", b""
        """The sha256 and the bytes of the last that was sent: one copy, however many clients take their time over it."""

    async def cards(self, _request: Request) -> Response:
        """Every card, the default's name, why others are not served, and how each name stands in this worker."""
        catalogue = self._engine.catalogue
        cards = [asdict(model.card) for model in catalogue.models.values()]
        states = {
            name: _standing(standing, catalogue.models.get(name)) for name, standing in self._engine.lineup.standings.items()
        }
        default = self._engine.default.model.card.name
        return json_response({"default": default, "models": cards, "refused": catalogue.refused, "states": states})

    async def card(self, _request: Request, name: str) -> Response:
        """One model's card. Raises HttpError 404."""
        return json_response(asdict(find(self._engine, name).model.card))

    async def file(self, request: Request, name: str) -> Response:
        """The default model's file, as its card proves it, for browsers to run. Raises HttpError 404."""
        card = find(self._engine, name).model.card
        if name != self._engine.default.model.card.name:
            raise errors.unknown_model(f"The file of {name!r} is not sent, only the default model's.")
        etag = f'"{card.onnx_sha256}"'.encode()
        headers = ((b"content-type", b"application/octet-stream"), (b"etag", etag), (b"cache-control", b"no-cache"))
        if etag in request.headers.get(b"if-none-match", b""):
            return Response(304, b"", headers)
        if self._file[0] != card.onnx_sha256:
            try:
                self._file = card.onnx_sha256, await asyncio.to_thread(proved_file, self._folder / name, card)
            except ModelRefused as error:
                raise errors.unknown_model(str(error)) from error
        return Response(200, self._file[1], headers)


def _standing(standing: Standing, model: Model | None) -> dict[str, str | None]:
    """How a name stands. model: what answers by it."""
    identity = runtime = device = None
    if model:
        identity, runtime, device = model.identity, model.session.library, model.session.device
    since = standing.since.isoformat(timespec="seconds")
    return {"state": standing.state, "since": since, "identity": identity, "runtime": runtime, "device": device}


def find(engine: Engine, name: str) -> Served:
    """The model that a request names. Raises HttpError 404."""
    try:
        return engine.get(name)
    except ModelRefused as error:
        raise errors.unknown_model(str(error)) from error
