"""POST /predict: the files of a request in, an answer object for each out."""

import functools
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from serving.admission import Overloaded, TooManyPixels
from serving.callers import Callback, Caller
from serving.engine import Engine
from serving.http import errors
from serving.http.intake import Intake
from serving.http.messages import Request, Response, json_response
from serving.http.models import find
from serving.http.uploads import Form, Upload, form_of, uploads_of
from serving.lineup import Served
from serving.outcome import Outcome, Rejection, Wanted, answer
from serving.settings import Settings

MAX_PARAMETERS = 16


class _Asked(NamedTuple):
    """What the head of a request asks for."""

    served: Served
    wanted: Wanted
    form: Form


class Predict:
    """The handler of POST /predict."""

    def __init__(self, engine: Engine, intake: Intake, settings: Settings) -> None:
        self._engine, self._intake, self._settings = engine, intake, settings

    async def __call__(self, request: Request) -> Response:
        """Answer 200, or 422 where no picture could be read. Raises HttpError."""
        asked = self._asked(request)
        body = await self._intake.body(request)
        uploads = uploads_of(asked.form, body, self._settings.max_files)
        try:
            outcomes = await self._engine.outcomes([upload.data for upload in uploads], asked.served)
        except (Overloaded, TooManyPixels) as error:
            raise self._told(error) from None
        return _response(request, asked, uploads, outcomes)

    def at_once(self, request: Request, body: bytes, caller: Caller[Response]) -> bool:
        """Answer a request whose body is whole without a task for it. False: it has to be awaited. Raises HttpError."""
        asked = self._asked(request)
        self._intake.take(request, body)
        uploads = uploads_of(asked.form, body, self._settings.max_files)

        def answer(outcomes: list[Outcome]) -> None:
            caller.set_result(_response(request, asked, uploads, outcomes))

        try:
            return self._engine.offer(
                [upload.data for upload in uploads], asked.served, Callback(answer, caller.set_exception)
            )
        except (Overloaded, TooManyPixels) as error:
            raise self._told(error) from None

    def _asked(self, request: Request) -> _Asked:
        name, wanted = parameters(request.query)
        served = find(self._engine, name) if name else self._engine.default
        return _Asked(served, wanted, form_of(request.headers.get(b"content-type", b"")))

    def _told(self, error: Overloaded | TooManyPixels) -> errors.HttpError:
        if isinstance(error, Overloaded):
            return errors.overloaded()
        return errors.too_many_pixels(self._settings.max_request_pixels)


def _response(request: Request, asked: _Asked, uploads: Sequence[Upload], outcomes: Sequence[Outcome]) -> Response:
    identity, card, wanted = asked.served.identity, asked.served.model.card, asked.wanted
    request.model, request.pictures, request.outcomes = identity, len(outcomes), outcomes
    predictions = [
        answer(outcome, upload.source, index, identity, card, wanted)
        for index, (outcome, upload) in enumerate(zip(outcomes, uploads, strict=True))
    ]
    nothing_read = all(isinstance(outcome, Rejection) for outcome in outcomes)
    return json_response({"model": identity, "predictions": predictions}, 422 if nothing_read else 200)


@functools.lru_cache(maxsize=256)
def parameters(query: bytes) -> tuple[str, Wanted]:
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
