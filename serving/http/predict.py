"""POST /predict: the files of a request in, an answer object for each out."""

from functools import lru_cache
from urllib.parse import parse_qsl

from serving.engine import Engine, Overloaded, TooManyPixels
from serving.http import errors
from serving.http.intake import Intake
from serving.http.messages import Request, Response, json_response
from serving.http.models import find
from serving.http.uploads import is_supported, uploads_of
from serving.outcome import Rejection, Wanted, answer
from serving.settings import Settings

MAX_PARAMETERS = 16


class Predict:
    """The handler of POST /predict."""

    def __init__(self, engine: Engine, intake: Intake, settings: Settings) -> None:
        self._engine, self._intake, self._settings = engine, intake, settings

    async def __call__(self, request: Request) -> Response:
        """Answer 200, or 422 where no picture could be read. Raises HttpError."""
        name, wanted = parameters(request.query)
        served = find(self._engine, name) if name else self._engine.default
        content_type = request.header(b"content-type")
        if not is_supported(content_type):
            raise errors.unsupported_media_type()
        body = await self._intake.body(request)
        uploads = uploads_of(content_type, body, self._settings.max_files)
        try:
            outcomes = await self._engine.outcomes([upload.data for upload in uploads], served)
        except Overloaded:
            raise errors.overloaded() from None
        except TooManyPixels:
            raise errors.too_many_pixels(self._settings.max_request_pixels) from None
        identity, card = served.identity, served.model.card
        request.model, request.pictures, request.outcomes = identity, len(outcomes), outcomes
        predictions = [
            answer(outcome, upload.source, index, identity, card, wanted)
            for index, (outcome, upload) in enumerate(zip(outcomes, uploads, strict=True))
        ]
        nothing_read = all(isinstance(outcome, Rejection) for outcome in outcomes)
        return json_response({"model": identity, "predictions": predictions}, 422 if nothing_read else 200)


@lru_cache(maxsize=256)
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
